package api

import (
	"net/netip"
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

func (s *server) createProjectKey(c *call, in *KeyCreate) (Key, error) {
	return s.createKey(c, hierarchy.Ref{Type: hierarchy.TypeProject, ID: c.path("project")}, in)
}

func (s *server) createSubprojectKey(c *call, in *KeyCreate) (Key, error) {
	return s.createKey(c, hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: c.path("subproject")}, in)
}

// createKey makes a customer's key.
func (s *server) createKey(c *call, parent hierarchy.Ref, in *KeyCreate) (Key, error) {
	doc := admin.NewKey{Parent: parent, Environment: s.KeyEnvironment, ExpiresAt: in.ExpiresAt.micro()}
	doc.DisplayName, doc.Labels = in.DisplayName, in.Labels
	var err error
	if in.Sponsor != "" {
		if doc.Sponsor, err = hierarchy.ParseRef(in.Sponsor); err != nil {
			return Key{}, inField("sponsor", err)
		}
	}
	if doc.Sources, err = networks(in.Sources); err != nil {
		return Key{}, err
	}
	return c.minted(s.Admin.CreateKey(c.ctx(), c.who, doc))
}

func (s *server) createServiceKey(c *call, in *ServiceKeyCreate) (Key, error) {
	doc := admin.NewKey{Parent: admin.Platform, Environment: s.KeyEnvironment, ExpiresAt: in.ExpiresAt.micro()}
	doc.DisplayName, doc.Labels = in.DisplayName, in.Labels
	var err error
	if doc.Service, err = hierarchy.ParseRef(in.Service); err != nil {
		return Key{}, inField("service", err)
	}
	if doc.Sources, err = networks(in.Sources); err != nil {
		return Key{}, err
	}
	return c.minted(s.Admin.CreateKey(c.ctx(), c.who, doc))
}

// minted answers a key with its secret, or says that it was shown before. What
// the answer goes through keeps nothing of it.
func (c *call) minted(m admin.Minted, err error) (Key, error) {
	if err != nil {
		return Key{}, err
	}
	c.tag = m.Tag
	c.gin.Header("Cache-Control", "no-store")
	out := viewKey(&m.Item)
	if out.Secret = m.Secret.Reveal(); m.Shown {
		out.Reason = "SECRET_ALREADY_SHOWN"
	}
	return out, nil
}

// networks reads an allow-list.
func networks(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, hierarchy.Invalid("SOURCE_INVALID", "sources", "%s is not a network such as 192.0.2.0/24 or 2001:db8::/32", show(text))
		}
		all = append(all, p)
	}
	return all, nil
}

func (s *server) listProjectKeys(c *call, _ *none) (page[Key], error) {
	return s.listKeys(c, hierarchy.Ref{Type: hierarchy.TypeProject, ID: c.path("project")})
}

func (s *server) listSubprojectKeys(c *call, _ *none) (page[Key], error) {
	return s.listKeys(c, hierarchy.Ref{Type: hierarchy.TypeSubproject, ID: c.path("subproject")})
}

func (s *server) listServiceKeys(c *call, _ *none) (page[Key], error) {
	return s.listKeys(c, admin.Platform)
}

func (s *server) listKeys(c *call, parent hierarchy.Ref) (page[Key], error) {
	return listOf(c, func(span admin.Span) (admin.Page[apikey.Key], error) {
		return s.Admin.Keys(c.ctx(), c.who, parent, span)
	}, viewKey)
}

func (s *server) getKey(c *call, _ *none) (Key, error) {
	item, err := s.Admin.Key(c.ctx(), c.who, c.path("key"))
	if err != nil {
		return Key{}, err
	}
	used, err := s.Admin.LastUse(c.ctx(), &item)
	c.tag = item.Tag
	out := viewKey(&item)
	out.LastUsedAt = stampOf(used)
	return out, err
}

func (s *server) updateKey(c *call, in *KeyPatch) (Key, error) {
	return shown(c, viewKey)(s.Admin.UpdateKey(c.ctx(), c.who, c.path("key"), func(doc *apikey.Key) (err error) {
		in.apply(&doc.Info)
		if in.ExpiresAt.Set {
			doc.ExpiresAt = in.ExpiresAt.Value.micro()
		}
		if in.Sources.Set {
			doc.Sources, err = networks(in.Sources.Value)
		}
		return err
	}))
}

func (s *server) revokeKey(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.RevokeKey(c.ctx(), c.who, c.path("key")))
}

func (s *server) disableKey(c *call, _ *none) (Key, error) {
	return shown(c, viewKey)(s.Admin.DisableKey(c.ctx(), c.who, c.path("key")))
}

func (s *server) enableKey(c *call, _ *none) (Key, error) {
	return shown(c, viewKey)(s.Admin.EnableKey(c.ctx(), c.who, c.path("key")))
}

func (s *server) rotateKey(c *call, in *KeyRotate) (Key, error) {
	var overlap time.Duration
	if in.Overlap != "" {
		var err error
		if overlap, err = time.ParseDuration(in.Overlap); err != nil {
			return Key{}, hierarchy.Invalid("OVERLAP_INVALID", "overlap", "must be a time such as 90s or 24h")
		}
	}
	return c.minted(s.Admin.RotateKey(c.ctx(), c.who, c.path("key"), s.KeyEnvironment, overlap))
}

func (s *server) transferKey(c *call, in *KeyTransfer) (Key, error) {
	to, err := hierarchy.ParseRef(in.Sponsor)
	if err != nil {
		return Key{}, inField("sponsor", err)
	}
	return shown(c, viewKey)(s.Admin.TransferKey(c.ctx(), c.who, c.path("key"), to))
}

// reportLeak takes no credential but the secret that was found.
func (s *server) reportLeak(c *call, in *LeakReport) (Health, error) {
	found, err := apikey.Parse(in.APIKey)
	if err != nil {
		return Health{}, err
	}
	return Health{Status: "ok"}, s.Admin.ReportLeak(c.ctx(), found)
}

// textOf is an identifier as text; "" for none.
func textOf(r hierarchy.Ref) string {
	if r.IsZero() {
		return ""
	}
	return r.String()
}

func viewKey(i *admin.Item[apikey.Key]) Key {
	k := Key{
		ID: i.Ref.ID, Account: i.Account, Parent: i.Doc.Parent.String(), Sponsor: textOf(i.Doc.Sponsor), Service: textOf(i.Doc.Service), DisplayName: i.Doc.DisplayName, Labels: i.Doc.Labels,
		ExpiresAt: stampOf(i.Doc.ExpiresAt), Disabled: i.Doc.Disabled, Leaked: i.Doc.Leaked,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
	for _, p := range i.Doc.Sources {
		k.Sources = append(k.Sources, p.String())
	}
	if len(i.Doc.Secrets) > 1 {
		k.OverlapUntil = stampOf(i.Doc.Secrets[1].ExpiresAt)
	}
	return k
}
