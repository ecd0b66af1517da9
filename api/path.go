package api

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// pathTypes are the parameters of paths that name one thing of a known type.
var pathTypes = map[string]string{
	"account":         hierarchy.TypeAccount,
	"billing_account": hierarchy.TypeBillingAccount,
	"project":         hierarchy.TypeProject,
	"subproject":      hierarchy.TypeSubproject,
	"group":           hierarchy.TypeGroup,
	"role":            hierarchy.TypeRole,
	"binding":         hierarchy.TypeBinding,
	"key":             hierarchy.TypeKey,
}

// readPath unescapes the parameters of the path, and applies the one rule of
// identifiers to them: after it they hold bare IDs, and a member "type:id".
func readPath(g *gin.Context) error {
	for i := range g.Params {
		p := &g.Params[i]
		value, err := url.PathUnescape(p.Value)
		if err == nil {
			value, err = identify(p.Key, value, g)
		} else {
			err = hierarchy.Invalid("IDENTIFIER_INVALID", "", "is not percent-encoded properly")
		}
		if err != nil {
			return inField(p.Key, err)
		}
		p.Value = value
	}
	return nil
}

func identify(name, value string, g *gin.Context) (string, error) {
	if _, err := apikey.Parse(value); err == nil { // or the answer and the store would have it as a name
		return "", hierarchy.Invalid("IDENTIFIER_INVALID", "", "is the secret of an API key, and no ID; a URL is no place for it: rotate the key")
	}
	var ref hierarchy.Ref
	var err error
	switch typ := pathTypes[name]; {
	case typ != "":
		ref, err = hierarchy.ParseAs(typ, value)
	case name == "resource": // its type stands before it in the path
		ref, err = hierarchy.ParseAs(g.Param("type"), value)
	case name == "member":
		ref, err = hierarchy.ParseRef(value)
		return ref.String(), err
	default: // a type, which is checked with its resource, or a file's name
		return value, nil
	}
	return ref.ID, err
}
