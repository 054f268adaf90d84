package messages

import "fmt"

// Refusal is an error that knows the response code of the protocol. Handlers
// return it where Apache's broker answers with that code; every other error is
// answered with SystemError.
type Refusal struct {
	Code   ResponseCode
	Remark string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refused with code %d: %s", int32(r.Code), r.Remark)
}

// Refuse returns a *Refusal with a formatted remark.
func Refuse(code ResponseCode, format string, args ...any) error {
	return &Refusal{Code: code, Remark: fmt.Sprintf(format, args...)}
}

// ErrSlave refuses what can be changed at a master only
// (RocketMQ: AdminBrokerProcessor.validateSlave).
var ErrSlave = Refuse(SystemError, "Can't modify topic or subscription group from slave broker, please execute it from master broker.")
