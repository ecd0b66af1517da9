package api

import (
	"fmt"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

func (s *server) createGroup(c *call, in *GroupCreate) (Group, error) {
	id, err := bare("id", hierarchy.TypeGroup, in.ID)
	if err != nil {
		return Group{}, err
	}
	members := make([]hierarchy.Ref, len(in.Members))
	for i, text := range in.Members {
		if members[i], err = hierarchy.ParseRef(text); err != nil {
			return Group{}, inField(fmt.Sprint("members.", i), err)
		}
	}
	return shown(c, viewGroup)(s.Admin.CreateGroup(c.ctx(), c.who, c.path("account"), id, policy.Group{DisplayName: in.DisplayName, Description: in.Description}, members))
}

func (s *server) listGroups(c *call, _ *none) (page[Group], error) {
	return list(c, c.path("account"), s.Admin.Groups, viewGroup)
}

func (s *server) getGroup(c *call, _ *none) (Group, error) {
	return shown(c, viewGroup)(s.Admin.Group(c.ctx(), c.who, c.path("account"), c.path("group")))
}

func (s *server) updateGroup(c *call, in *GroupPatch) (Group, error) {
	return shown(c, viewGroup)(s.Admin.UpdateGroup(c.ctx(), c.who, c.path("account"), c.path("group"), func(doc *policy.Group) error {
		in.DisplayName.apply(&doc.DisplayName)
		in.Description.apply(&doc.Description)
		return nil
	}))
}

func (s *server) deleteGroup(c *call, _ *none) (Written, error) {
	return answerOf(s.Admin.DeleteGroup(c.ctx(), c.who, c.path("account"), c.path("group")))
}

func (s *server) listMembers(c *call, _ *none) (page[string], error) {
	span, err := c.span()
	if err != nil {
		return page[string]{}, err
	}
	members, next, err := s.Admin.Members(c.ctx(), c.who, c.path("account"), c.path("group"), span)
	return page[string]{append([]string{}, members...), c.pageToken(next)}, err
}

func (s *server) addMember(c *call, _ *none) (Written, error) {
	member, err := hierarchy.ParseRef(c.path("member"))
	if err != nil {
		return Written{}, err
	}
	return answerOf(s.Admin.AddMember(c.ctx(), c.who, c.path("account"), c.path("group"), member))
}

func (s *server) removeMember(c *call, _ *none) (Written, error) {
	member, err := hierarchy.ParseRef(c.path("member"))
	if err != nil {
		return Written{}, err
	}
	return answerOf(s.Admin.RemoveMember(c.ctx(), c.who, c.path("account"), c.path("group"), member))
}

func viewGroup(i *admin.Item[policy.Group]) Group {
	return Group{
		ID: i.Ref.ID, Account: i.Account, DisplayName: i.Doc.DisplayName, Description: i.Doc.Description,
		CreatedAt: stampOf(i.Created), UpdatedAt: stampOf(i.Updated), Revision: i.Revision,
	}
}
