package messages

// HAStatus is the answer to GET_BROKER_HA_STATUS (RocketMQ: HARuntimeInfo). Offsets
// are physical ones, in bytes.
type HAStatus struct {
	// Client is filled in by a slave.
	Client HAClientStatus `json:"haClientRuntimeInfo"`
	// The rest is filled in by a master.
	Connections              []HAConnectionStatus `json:"haConnectionInfo"`
	InSyncSlaveNums          int                  `json:"inSyncSlaveNums"`
	Master                   bool                 `json:"master"`
	MasterCommitLogMaxOffset int64                `json:"masterCommitLogMaxOffset"`
}

// HAConnectionStatus is a slave as its master sees it.
type HAConnectionStatus struct {
	Addr                    string `json:"addr"`
	Diff                    int64  `json:"diff"` // how far it is behind
	InSync                  bool   `json:"inSync"`
	SlaveAckOffset          int64  `json:"slaveAckOffset"` // -1 before its first report
	TransferFromWhere       int64  `json:"transferFromWhere"`
	TransferredByteInSecond int64  `json:"transferredByteInSecond"`
}

// HAClientStatus is a master as its slave sees it. Timestamps are Unix
// milliseconds.
type HAClientStatus struct {
	LastReadTimestamp       int64  `json:"lastReadTimestamp"`
	LastWriteTimestamp      int64  `json:"lastWriteTimestamp"`
	MasterAddr              string `json:"masterAddr,omitempty"`
	MasterFlushOffset       int64  `json:"masterFlushOffset"`
	MaxOffset               int64  `json:"maxOffset"` // of the slave's own log
	TransferredByteInSecond int64  `json:"transferredByteInSecond"`
}

// Encode returns the text in fastjson's form.
func (s *HAStatus) Encode() ([]byte, error) {
	whole := *s
	whole.Connections = list(s.Connections)
	return encode(whole)
}

// DecodeHAStatus decodes the answer to GET_BROKER_HA_STATUS.
func DecodeHAStatus(b []byte) (*HAStatus, error) { return decode[HAStatus](b, "HA status") }
