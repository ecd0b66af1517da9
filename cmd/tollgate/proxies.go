package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/api"
	"github.com/tollgate-dev/tollgate/gateway"
)

// proxies are the settings of what proxies ask.
type proxies struct {
	socket   string
	extAuthz string
	trusted  []string
}

func (p *proxies) flags(flags *pflag.FlagSet) {
	flags.StringVar(&p.socket, "proxy-socket", "", "path of a Unix socket at which proxies ask without a key: whoever may write to it is one; see docs/gateways.md")
	flags.StringSliceVar(&p.trusted, "trusted-proxies", nil, "addresses of proxies, as CIDRs with commas between, that are believed in X-Forwarded-For where a request comes from")
	flags.StringVar(&p.extAuthz, "ext-authz-addr", "", "address at which Envoy asks over gRPC, by envoy.service.auth.v3: a host and a port, with a key, or unix: and the path of a socket, without one; see docs/gateways.md")
}

// check refuses settings that mean nothing.
func (p *proxies) check() error {
	for _, text := range p.trusted {
		if _, err := netip.ParsePrefix(text); err != nil {
			return fmt.Errorf("--trusted-proxies takes prefixes such as 10.0.0.0/8 or ::1/128, and not %q", text)
		}
	}
	if path, is := socketPath(p.extAuthz); is && path == "" {
		return errors.New("--ext-authz-addr has unix: without the path of a socket")
	}
	return nil
}

// socketPath is the path of a Unix socket that an address of gRPC's names:
// unix:path or unix:///path.
func socketPath(addr string) (path string, is bool) {
	path, is = strings.CutPrefix(addr, "unix:")
	return strings.TrimPrefix(path, "//"), is
}

// trustedProxies are those that check has let by.
func (p *proxies) trustedProxies() (all gateway.Trusted) {
	for _, text := range p.trusted {
		all = append(all, netip.MustParsePrefix(text).Masked())
	}
	return all
}

// withProxies sends to each door who comes for it, by the path as it arrived.
func withProxies(d *api.Doors) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RequestURI, api.ForwardPrefix) {
			d.Proxies.ServeHTTP(w, r)
			return
		}
		d.API.ServeHTTP(w, r)
	})
}

// serveSocket serves proxies at a Unix socket, if there is to be one.
func (p *proxies) serveSocket(ctx context.Context, handler http.Handler, log *zap.Logger, failed func()) (stop func(time.Duration) error, err error) {
	if p.socket == "" {
		return func(time.Duration) error { return nil }, nil
	}
	in, err := bindSocket(ctx, "proxy-socket", p.socket)
	if err != nil {
		return nil, err
	}
	log.Info("proxies may ask at a Unix socket, without a key", zap.String("path", p.socket))
	return listen(in, handler, callers, log, failed), nil //nolint:contextcheck // draining begins when ctx has ended
}
