package admin

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// Resources are registered without contending with administration: what is
// guarded is the resource's own record and its containers'.

// RegisterResource registers a product's resource in a project or a
// subproject (M8). It needs resource.register there.
func (s *Service) RegisterResource(ctx context.Context, who Caller, ref hierarchy.Ref, doc hierarchy.Resource) (Item[hierarchy.Resource], error) {
	if err := s.checkResource(ref, &doc); err != nil {
		return Item[hierarchy.Resource]{}, err
	}
	account, err := s.accountOf(ctx, doc.Parent)
	if err != nil {
		return Item[hierarchy.Resource]{}, fieldOf("parent", err)
	}
	o, err := s.once(ctx, who, account, "resource.register", []any{ref, doc})
	if err != nil {
		return Item[hierarchy.Resource]{}, err
	}
	return s.writeResource(ctx, who, o, ref, func(d *draft) error {
		if err := d.may("resource.register", doc.Parent); err != nil {
			return fieldOf("parent", err)
		}
		key := authz.ResourceKey(ref)
		// What stands above must be as it was decided on: none of it deleted.
		above := d.above(doc.Parent)
		records, err := d.read(append(above, key)...)
		if err != nil {
			return err
		}
		if _, exists := records[key]; exists {
			return hierarchy.Conflict("ALREADY_EXISTS", "%s is registered already", ref)
		}
		d.commit.Guarded = false
		d.commit.Versions = map[authz.Key]uint64{key: 0}
		for _, k := range above {
			d.commit.Versions[k] = records[k].Version
		}
		d.create(key, doc)
		return nil
	})
}

// above are the records of a container and of what it stands in.
func (d *draft) above(container hierarchy.Ref) (keys []authz.Key) {
	for at := container; !at.IsZero(); at = d.snapshot.Parent(at) {
		keys = append(keys, authz.KeyOf(at.Type, at.ID))
	}
	return keys
}

func (s *Service) checkResource(ref hierarchy.Ref, doc *hierarchy.Resource) error {
	if err := ref.Check(); err != nil {
		return err
	}
	if err := hierarchy.CheckResourceType(ref.Type); err != nil {
		return err
	}
	if !s.engine.Registered(ref.Type) {
		return hierarchy.Invalid("TYPE_NOT_REGISTERED", "type", "resources of type %s are not registered; a check names their container as parent", ref.Type)
	}
	if err := hierarchy.CheckParent(ref.Type, doc.Parent.Type); err != nil {
		return err
	}
	return errorOr(hierarchy.CheckLabels(doc.Labels), hierarchy.CheckProperties(doc.Properties))
}

// writeResource writes, and answers the resource as the write left it; without
// its labels and properties to one who may not read them.
func (s *Service) writeResource(ctx context.Context, who Caller, o *once, ref hierarchy.Ref, decide func(*draft) error) (Item[hierarchy.Resource], error) {
	return createOnce(ctx, s, who, o, ref, decide, func(s *Service, ctx context.Context, _ Caller, _ string) (Item[hierarchy.Resource], error) {
		item, err := s.resource(ctx, o.account, ref)
		if err != nil {
			return item, err
		}
		v, err := s.view(ctx, who, ref)
		if err == nil && v.mayRead(item.Doc.Parent, ref) != nil {
			item.Doc.Labels, item.Doc.Properties = nil, nil
		}
		return item, err
	})
}

// resource reads a resource.
func (s *Service) resource(ctx context.Context, account string, ref hierarchy.Ref) (Item[hierarchy.Resource], error) {
	head, records, err := s.store.Read(ctx, account, authz.ResourceKey(ref))
	if errors.Is(err, authz.ErrNoAccount) || (err == nil && len(records) == 0) {
		err = hierarchy.NotFound(ref)
	}
	if err != nil {
		return Item[hierarchy.Resource]{}, err
	}
	item, err := itemOf[hierarchy.Resource](account, ref, records[0])
	item.Revision = authz.Token(account, head.Revision)
	return item, err
}

// Resource returns a resource. It needs <type>.read on it.
func (s *Service) Resource(ctx context.Context, who Caller, ref hierarchy.Ref) (Item[hierarchy.Resource], error) {
	v, err := s.view(ctx, who, ref)
	if err != nil {
		return Item[hierarchy.Resource]{}, err
	}
	item, err := s.resource(ctx, v.snapshot.Account(), ref)
	if err == nil && !v.snapshot.Has(item.Doc.Parent) {
		err = hierarchy.NotFound(ref)
	}
	if err == nil {
		err = v.mayRead(item.Doc.Parent, ref)
	}
	if err != nil {
		return Item[hierarchy.Resource]{}, err
	}
	return item, nil
}

// mayRead refuses who may not read a resource in a container.
func (v *view) mayRead(container, ref hierarchy.Ref) error {
	return v.who.may(v.snapshot, ref.Type+".read", container, ref, v.at)
}

// Resources lists the resources of a project or a subproject. It needs
// resource.read there; what the actor may not read is left out.
func (s *Service) Resources(ctx context.Context, who Caller, container hierarchy.Ref, span Span) (Page[hierarchy.Resource], error) {
	v, err := s.view(ctx, who, container)
	if err == nil {
		err = v.may("resource.read", container)
	}
	if err != nil {
		return Page[hierarchy.Resource]{}, err
	}
	var page Page[hierarchy.Resource]
	page.Next, err = v.scan(ctx, container, span, func(r authz.Record) (enough bool, err error) {
		_, id := r.Key.Split()
		ref, err := hierarchy.ParseRef(id)
		if err != nil {
			return false, err
		}
		item, err := itemOf[hierarchy.Resource](v.snapshot.Account(), ref, r)
		if err != nil {
			return false, err
		}
		if span.carries(item.Doc.Labels) && v.mayRead(container, ref) == nil {
			page.Items = append(page.Items, item)
		}
		return len(page.Items) == span.Limit, nil
	})
	return page, err
}

// UpdateResource changes a resource's labels and properties by change. It
// needs resource.configure on the resource.
func (s *Service) UpdateResource(ctx context.Context, who Caller, ref hierarchy.Ref, change func(labels *map[string]string, properties *json.RawMessage) error) (Item[hierarchy.Resource], error) {
	account, err := s.accountOf(ctx, ref)
	if err != nil {
		return Item[hierarchy.Resource]{}, err
	}
	return s.writeResource(ctx, who, &once{account: account, action: "resource.configure"}, ref, func(d *draft) error {
		was, doc, err := d.resource(ref, "resource.configure")
		if err != nil {
			return err
		}
		if err := change(&doc.Labels, &doc.Properties); err != nil {
			return err
		}
		d.replace(was, doc)
		return s.checkResource(ref, &doc)
	})
}

// resource reads a resource that the actor has a permission on, and guards
// the write by its version.
func (d *draft) resource(ref hierarchy.Ref, permission string) (authz.Record, hierarchy.Resource, error) {
	var doc hierarchy.Resource
	key := authz.ResourceKey(ref)
	records, err := d.read(key)
	if err != nil {
		return authz.Record{}, doc, err
	}
	was, ok := records[key]
	if !ok {
		return was, doc, hierarchy.NotFound(ref)
	}
	if err := unmarshal(was, &doc); err != nil {
		return was, doc, err
	}
	if !d.snapshot.Has(doc.Parent) {
		return was, doc, hierarchy.NotFound(ref)
	}
	d.commit.Versions = map[authz.Key]uint64{key: was.Version}
	d.replaces(was)
	return was, doc, d.who.may(d.snapshot, permission, doc.Parent, ref, d.at)
}

// DeleteResource deletes a resource at once, with what is bound to it: a
// resource that is registered again under the same ID inherits nothing. It
// needs resource.unregister on the resource.
func (s *Service) DeleteResource(ctx context.Context, who Caller, ref hierarchy.Ref) (Written, error) {
	account, err := s.accountOf(ctx, ref)
	if err != nil {
		return Written{}, err
	}
	return s.write(ctx, who, account, "resource.unregister", func(d *draft) error {
		was, doc, err := d.resource(ref, "resource.unregister")
		if err != nil {
			return err
		}
		d.unregister(ref, was, &doc)
		return d.unbindAll(ref, site{node: doc.Parent, resource: ref})
	})
}

// unregister removes a resource, and ends its history.
func (d *draft) unregister(ref hierarchy.Ref, was authz.Record, doc *hierarchy.Resource) {
	d.remove(was)
	d.begins(ref, was, doc)
	d.commit.Parents = append(d.commit.Parents, authz.Transition{Node: ref.String(), From: doc.Parent.String()})
}

// begins writes how the history of a resource begins, with its registration,
// if it has stood in one place since: until then its record says it all.
func (d *draft) begins(ref hierarchy.Ref, was authz.Record, doc *hierarchy.Resource) {
	if !doc.Moved {
		d.commit.Parents = append(d.commit.Parents, authz.Transition{Node: ref.String(), To: doc.Parent.String(), At: was.Created})
	}
}

// unbindAll removes the bindings whose scope is exactly this node.
func (d *draft) unbindAll(scope hierarchy.Ref, at site) error {
	if !d.snapshot.HasBindingsOn(scope) {
		return nil
	}
	bound := d.snapshot.FindBindings("", "", func(b policy.Binding) bool { return b.Scope == scope })
	keys := make([]authz.Key, len(bound))
	for i, b := range bound {
		keys[i] = authz.KeyOf(hierarchy.TypeBinding, b.ID)
	}
	records, err := d.read(keys...)
	if err != nil {
		return err
	}
	for i, b := range bound {
		if b.Effect == policy.Deny { // to end a deny is a right of its own
			if err := d.mayDeny(scope, at); err != nil {
				return err
			}
		}
		if r, ok := records[keys[i]]; ok {
			d.remove(r)
		}
	}
	return nil
}
