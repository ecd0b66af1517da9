package api

import (
	"github.com/gin-gonic/gin"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// billingOwnerAt answers who paid at an instant.
func (s *server) billingOwnerAt(g *gin.Context, b *buffers, q *question) error {
	if s.Admin == nil { // histories are in no snapshot
		return errElsewhere
	}
	at, err := ParseInstant(q.at) // it was checked when it was read
	if err != nil {
		return err
	}
	paid, err := s.Admin.BillingOwnerAt(g.Request.Context(), &q.Request, at.UnixMicro())
	if err != nil {
		return err
	}
	b.out = appendPaid(b.out, &paid, at.UnixMicro())
	return nil
}

// appendPaid appends a BillingOwner of the past.
func appendPaid(b []byte, p *admin.Paid, at int64) []byte {
	b = append(b, `{"billing":`...)
	b = appendBilling(b, &p.Billing)
	b = append(b, `,"path":`...)
	b = appendStrings(b, p.Path)
	b = appendMember(b, `,"account":`, p.Account)
	b = appendMember(b, `,"revision":`, p.Revision)
	b = append(b, `,"at":`...)
	return append(appendTime(b, at), '}')
}

func (s *server) listBillingLinks(c *call, _ *none) (page[BillingLinkPeriod], error) {
	return list(c, c.path("project"), s.Admin.BillingLinks, func(i *admin.Item[admin.Period]) BillingLinkPeriod {
		return BillingLinkPeriod{BillingAccount: i.Doc.Holder, From: stampOf(i.Doc.From), To: stampOf(i.Doc.To)}
	})
}

func (s *server) listSubprojectParents(c *call, _ *none) (page[ParentPeriod], error) {
	return list(c, c.path("subproject"), s.Admin.SubprojectParents, viewParent)
}

func (s *server) listResourceParents(c *call, _ *none) (page[ParentPeriod], error) {
	var account string
	if c.query.Has("account") {
		var err error
		if account, err = bare("account", hierarchy.TypeAccount, c.query.Get("account")); err != nil {
			return page[ParentPeriod]{}, err
		}
	}
	return listOf(c, func(span admin.Span) (admin.Page[admin.Period], error) {
		return s.Admin.ResourceParents(c.ctx(), c.who, c.resource(), account, span)
	}, viewParent)
}

func viewParent(i *admin.Item[admin.Period]) ParentPeriod {
	return ParentPeriod{Parent: i.Doc.Holder, From: stampOf(i.Doc.From), To: stampOf(i.Doc.To)}
}
