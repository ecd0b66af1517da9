package api

import (
	"time"

	"github.com/tollgate-dev/tollgate/admin"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/replica"
)

// What sidecars report, which may not write to the store.

// guest is the ID of the sidecar that a call is about, for who may report.
func (s *server) guest(c *call) (string, error) {
	if err := c.who.OnPlatform(admin.Report, s.Engine.Now()); err != nil {
		return "", err
	}
	const least, most = 16, 64 // characters; fewer could be guessed
	self := c.path("replica")
	if len(self) < least || !printable(self, most) {
		return "", hierarchy.Invalid("REPLICA_INVALID", "replica", "must be %d to %d printable ASCII characters, made at random", least, most)
	}
	return replica.GuestID(c.who.Name, self), nil
}

func (s *server) enrolReplica(c *call, in *ReplicaEnrolment) (Replica, error) {
	id, err := s.guest(c)
	if err != nil {
		return Replica{}, err
	}
	last, err := time.ParseDuration(in.Last)
	if err != nil || last < 0 || last > replica.MaxEnrolment {
		return Replica{}, hierarchy.Invalid("ENROLMENT_INVALID", "last", "must be a time from 0s to %s, such as 15s", replica.MaxEnrolment)
	}
	if err := hierarchy.CheckText("name", in.Name, hierarchy.MaxDisplayName); err != nil {
		return Replica{}, err
	}
	if !printable(in.Digest, len(in.Digest)) {
		return Replica{}, hierarchy.Invalid("FIELD_INVALID", "digest", "must be printable ASCII characters")
	}
	return Replica{ID: id}, s.Replicas.Admit(c.ctx(), replica.Member{ID: id, Name: in.Name, Digest: in.Digest}, last)
}

func (s *server) answerForReplica(c *call, in *ReplicaAnswer) (Health, error) {
	id, err := s.guest(c)
	if err != nil {
		return Health{}, err
	}
	return Health{Status: "ok"}, s.Replicas.Relay(c.ctx(), id, in.Question, in.Serves)
}

func (s *server) reportUses(c *call, in *ReplicaUses) (Health, error) {
	if _, err := s.guest(c); err != nil {
		return Health{}, err
	}
	uses := make([]authz.Use, len(in.Uses))
	for i, u := range in.Uses {
		account, err := bare("uses.account", hierarchy.TypeAccount, u.Account)
		if err != nil {
			return Health{}, err
		}
		key, err := bare("uses.key", hierarchy.TypeKey, u.Key)
		if err != nil {
			return Health{}, err
		}
		uses[i] = authz.Use{Account: account, Key: hierarchy.Ref{Type: hierarchy.TypeKey, ID: key}, At: u.At.micro()}
	}
	return Health{Status: "ok"}, s.Admin.ReportUses(c.ctx(), c.who, uses)
}
