package api

import (
	"strings"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// askPermission is what it takes to ask about others: on the platform, or on
// what is asked about.
const askPermission = "access.check"

// asking is what a caller may ask about. Who has access.check on the platform
// may ask about everything. Anybody else is answered about what he has it on,
// and about all else as if it were not there: whether it is, is none of his
// business.
type asking struct {
	who    *admin.Caller
	at     int64 // the instant at which the caller's rights are looked at
	anyone bool  // everything may be asked about
}

func (s *server) asking(who *admin.Caller) asking {
	if who.Operator {
		return asking{who: who, anyone: true}
	}
	at := s.Engine.Now()
	return asking{who: who, at: at, anyone: who.OnPlatform(askPermission, at) == nil}
}

// everything refuses who may not ask about everything.
func (a *asking) everything() error {
	if a.anyone {
		return nil
	}
	return a.who.OnPlatform(askPermission, a.at)
}

// confine keeps a request to the account that the caller may ask about, so
// that nothing is looked for in any other. It reports whether that leaves
// nothing to ask.
func (a *asking) confine(req *authz.Request) (foreign bool, err error) {
	if a.anyone {
		return false, nil
	}
	named := strings.TrimPrefix(req.Account, hierarchy.TypeAccount+":")
	switch {
	case a.who.Principal.Type == hierarchy.TypeKey && named == "":
		req.Account = a.who.Account
	case a.who.Principal.Type == hierarchy.TypeKey:
		return named != a.who.Account, nil
	case named == "":
		return false, hierarchy.Invalid("ACCOUNT_REQUIRED", "account", "name the account: without %s on the platform, %s can ask about one account at a time", askPermission, a.who.Name)
	}
	return false, nil
}

// show leaves of an answer what the caller may know, and reports whether that
// is all of it.
func (a *asking) show(answer *authz.Answer) bool {
	if a.anyone || a.who.MayAsk(answer, a.at) {
		return true
	}
	*answer = authz.Answer{Code: authz.ResourceNotFound}
	return false
}
