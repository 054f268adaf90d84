package namesrv

import (
	"github.com/actormq/actormq/actors/namesrv/kvconfig"
	"github.com/actormq/actormq/actors/namesrv/routes"
	"github.com/actormq/actormq/messages"
)

// Codes returns every request code that a name server answers.
func Codes() []messages.RequestCode {
	all := append(routes.Codes(), kvconfig.Codes()...)
	all = append(all, settingsCodes()...)
	for code := range (&routes.Reader{}).Codes() {
		all = append(all, code)
	}
	return all
}
