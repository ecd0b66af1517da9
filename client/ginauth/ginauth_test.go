package ginauth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/client/httpauth"
)

// tollgate allows one key everything.
type tollgate struct{}

func (tollgate) Authorize(_ context.Context, r client.HeldRequest) (*client.Verdict, error) {
	v := &client.Verdict{Status: http.StatusForbidden, Answer: client.Answer{Reason: client.Reason{Code: client.CodeNoBinding}}}
	if r.APIKey == "good" {
		v.Allowed, v.Status, v.Reason.Code, v.Principal = true, http.StatusOK, client.CodeAllowed, "key:good"
	}
	return v, nil
}

// ask sends a request through a Gin server with a guard, and returns the status,
// and what its handler has read, "" if it was not called.
func ask(t *testing.T, escaped bool, key, path string) (status int, read string) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.UseEscapedPath = escaped
	engine.Use(Middleware(httpauth.New(tollgate{})))
	for _, pattern := range []string{"/numbers/:number", "/numbers/:number/move", "/files/*path", "/"} {
		engine.GET(pattern, func(c *gin.Context) {
			a, ok := httpauth.From(c.Request.Context())
			if !ok || a.Principal != "key:good" || c.GetHeader("X-API-Key") != "" || c.GetHeader("X-Tollgate-Principal") != "" {
				t.Errorf("the handler has %+v, %v", a, c.Request.Header)
			}
			read = pattern
			c.Status(http.StatusNoContent)
		})
	}
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Header.Set("X-API-Key", key)
	r.Header.Set("X-Tollgate-Principal", "forged")
	answer := httptest.NewRecorder()
	engine.ServeHTTP(answer, r)
	if answer.Code == http.StatusForbidden && !strings.Contains(answer.Body.String(), `"reason":"`+answer.Header().Get("X-Tollgate-Reason")) {
		t.Errorf("%s: %s", path, answer.Body)
	}
	return answer.Code, read
}

// A path is refused whose encoded slash Gin has taken for a slash; the same
// path is taken by a server that does not decode before it finds the route.
func TestMiddleware(t *testing.T) {
	for _, x := range []struct {
		key, path     string
		plain         int // of a server as Gin makes it
		escaped       int // of one that has UseEscapedPath
		read, escRead string
	}{
		{"good", "/", 204, 204, "/", "/"},
		{"good", "/numbers/+46", 204, 204, "/numbers/:number", "/numbers/:number"},
		{"good", "/numbers/a%20b/move", 204, 204, "/numbers/:number/move", "/numbers/:number/move"},
		{"bad", "/numbers/+46", 403, 403, "", ""},
		{"good", "/numbers/a%2Fmove", 403, 204, "", "/numbers/:number"},
		{"good", "/numbers%2Fa", 403, 404, "", ""},
		{"good", "/files/a/b", 204, 204, "/files/*path", "/files/*path"},
		{"good", "/files%2Fa/b", 403, 404, "", ""},
		{"good", "/nowhere", 404, 404, "", ""},
		{"bad", "/nowhere", 403, 403, "", ""},
	} {
		if status, read := ask(t, false, x.key, x.path); status != x.plain || read != x.read {
			t.Errorf("%s: %d %q", x.path, status, read)
		}
		if status, read := ask(t, true, x.key, x.path); status != x.escaped || read != x.escRead {
			t.Errorf("%s, found as it is encoded: %d %q", x.path, status, read)
		}
	}
}

// Without the comparison, Gin has what Tollgate was never asked about.
func TestAgree(t *testing.T) {
	for _, x := range []struct {
		route, path string
		want        bool
	}{
		{"", "/a%2Fb", true}, {"/", "/", true}, {"/a/:b", "/a/x", true}, {"/a/:b", "/a/x/y", false}, {"/a/:b/c", "/a/x%2Fc", false}, {"/a/:b", "/%61/x", true},
		{"/a/x_:b", "/a/x_1", true}, {"/a/x_:b", "/a/y_1", false}, {"/a/*b", "/a/x/y", true}, {"/a/*b", "/a%2Fx/y", false}, {"/a/*b", "/a", false}, {"/a", "/%zz", false},
	} {
		if got := agree(x.route, x.path); got != x.want {
			t.Errorf("%s for %s: %t", x.route, x.path, got)
		}
	}
}
