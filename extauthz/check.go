package extauthz

import (
	"context"
	"net/http"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"go.uber.org/zap"

	"github.com/tollgate-dev/tollgate/gateway"
)

// doorName is what logs call the door.
const doorName = authv3.Authorization_Check_FullMethodName

// door is envoy.service.auth.v3.Authorization.
type door struct {
	authv3.UnimplementedAuthorizationServer
	Porter
	log     *zap.Logger
	metrics *metrics
}

var errBroken = gateway.Verdict{Reason: "INTERNAL", Status: http.StatusInternalServerError, Detail: "internal error"}

// Check implements authv3.AuthorizationServer. It has an answer to whatever it
// is asked, and no error.
func (d *door) Check(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	began := time.Now()
	told := read(r)
	id := d.Name(told.requestID)
	v := d.verdict(ctx, &told, id)
	reply := d.Reply(&v, id)
	took := time.Since(began)
	d.metrics.answered(reply.Status, took)
	if entry := d.log.Check(zap.DebugLevel, "request"); entry != nil {
		entry.Write(zap.String("route", doorName), zap.Int("status", reply.Status), zap.Duration("took", took), zap.String("request_id", id))
	}
	return respond(&reply, told.forged), nil
}

// verdict denies what breaks while it is decided.
func (d *door) verdict(ctx context.Context, told *told, id string) (v gateway.Verdict) {
	defer func() {
		if broken := recover(); broken != nil {
			d.log.Error("panic", zap.Any("panic", broken), zap.String("route", doorName), zap.String("request_id", id), zap.StackSkip("stack", 1))
			v = errBroken
		}
	}()
	held := told.held(proxyOf(ctx))
	held.RequestID = id
	return d.Verdict(ctx, &held)
}
