package namesrv

import (
	"slices"

	"github.com/actormq/actormq/actors/namesrv/routes"
	"github.com/actormq/actormq/messages"
)

// Codes returns every request code that a name server answers, in ascending
// order.
func Codes() []messages.RequestCode {
	all := routes.ReaderCodes()
	for _, codes := range owned() {
		all = append(all, codes...)
	}
	slices.Sort(all)
	return all
}
