package api

import (
	"net/http"
	"slices"

	"github.com/tollgate-dev/tollgate/hierarchy"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// healthRoutes are open to everybody.
var healthRoutes = []route{
	{get, "/livez", raw((*server).livez)},
	{get, "/readyz", raw((*server).readyz)},
}

// foundRoutes take no credential but what is in their body.
var foundRoutes = []route{
	{post, "/v1/leaked-keys", serveJSON((*server).reportLeak)},
}

// documentRoutes take the key from a browser too.
var documentRoutes = []route{
	{get, "/openapi.json", raw((*server).openapi)},
	{get, "/docs", raw((*server).docs)},
	{get, "/docs/:asset", raw((*server).docs)},
}

// askedRoutes take a credential, and answer from memory. They are what a sidecar
// has too.
var askedRoutes = []route{
	{post, "/v1/authorize", asked((*server).authorize)},
	{post, "/v1/check", asked((*server).check)},
	{post, "/v1/check/batch", asked((*server).checkBatch)},
	{post, "/v1/billing-owner", asked((*server).billingOwner)},
	{get, "/metrics", asked((*server).showMetrics)},
}

// apiRoutes take a credential.
var apiRoutes = slices.Concat(
	askedRoutes,
	otherRoutes,
	lifecycle("/v1/accounts/:account", hierarchy.TypeAccount),
	lifecycle("/v1/billing-accounts/:billing_account", hierarchy.TypeBillingAccount),
	lifecycle("/v1/projects/:project", hierarchy.TypeProject),
	lifecycle("/v1/subprojects/:subproject", hierarchy.TypeSubproject),
)

// otherRoutes are those that are like no other.
var otherRoutes = []route{
	{post, "/v1/replicas/:replica", serveJSON((*server).enrolReplica)},
	{post, "/v1/replicas/:replica/answers", serveJSON((*server).answerForReplica)},
	{post, "/v1/replicas/:replica/uses", serveJSON((*server).reportUses)},

	{post, "/v1/accounts", serveJSON((*server).signUp)},
	{get, "/v1/accounts/:account", serveJSON((*server).getAccount)},
	{patch, "/v1/accounts/:account", serveJSON((*server).updateAccount)},

	{post, "/v1/accounts/:account/billing-accounts", serveJSON((*server).createBillingAccount)},
	{get, "/v1/accounts/:account/billing-accounts", serveJSON((*server).listBillingAccounts)},
	{get, "/v1/billing-accounts/:billing_account", serveJSON((*server).getBillingAccount)},
	{patch, "/v1/billing-accounts/:billing_account", serveJSON((*server).updateBillingAccount)},

	{post, "/v1/accounts/:account/projects", serveJSON((*server).createProject)},
	{get, "/v1/accounts/:account/projects", serveJSON((*server).listProjects)},
	{get, "/v1/projects/:project", serveJSON((*server).getProject)},
	{patch, "/v1/projects/:project", serveJSON((*server).updateProject)},
	{get, "/v1/projects/:project/billing-link", serveJSON((*server).getLink)},
	{put, "/v1/projects/:project/billing-link", serveJSON((*server).setLink)},
	{remove, "/v1/projects/:project/billing-link", serveJSON((*server).removeLink)},
	{get, "/v1/projects/:project/billing-links", serveJSON((*server).listBillingLinks)},

	{post, "/v1/projects/:project/subprojects", serveJSON((*server).createSubproject)},
	{get, "/v1/projects/:project/subprojects", serveJSON((*server).listSubprojects)},
	{get, "/v1/subprojects/:subproject", serveJSON((*server).getSubproject)},
	{patch, "/v1/subprojects/:subproject", serveJSON((*server).updateSubproject)},
	{post, "/v1/subprojects/:subproject/move", serveJSON((*server).moveSubproject)},
	{get, "/v1/subprojects/:subproject/parents", serveJSON((*server).listSubprojectParents)},

	{post, "/v1/resources", serveJSON((*server).registerResource)},
	{get, "/v1/resources/:type/:resource", serveJSON((*server).getResource)},
	{patch, "/v1/resources/:type/:resource", serveJSON((*server).updateResource)},
	{remove, "/v1/resources/:type/:resource", serveJSON((*server).deleteResource)},
	{post, "/v1/resources/:type/:resource/move", serveJSON((*server).moveResource)},
	{get, "/v1/resources/:type/:resource/parents", serveJSON((*server).listResourceParents)},
	{get, "/v1/projects/:project/resources", serveJSON((*server).listProjectResources)},
	{get, "/v1/subprojects/:subproject/resources", serveJSON((*server).listSubprojectResources)},

	{post, "/v1/accounts/:account/groups", serveJSON((*server).createGroup)},
	{get, "/v1/accounts/:account/groups", serveJSON((*server).listGroups)},
	{get, "/v1/accounts/:account/groups/:group", serveJSON((*server).getGroup)},
	{patch, "/v1/accounts/:account/groups/:group", serveJSON((*server).updateGroup)},
	{remove, "/v1/accounts/:account/groups/:group", serveJSON((*server).deleteGroup)},
	{get, "/v1/accounts/:account/groups/:group/members", serveJSON((*server).listMembers)},
	{put, "/v1/accounts/:account/groups/:group/members/:member", serveJSON((*server).addMember)},
	{remove, "/v1/accounts/:account/groups/:group/members/:member", serveJSON((*server).removeMember)},

	{post, "/v1/accounts/:account/roles", serveJSON((*server).createRole)},
	{get, "/v1/accounts/:account/roles", serveJSON((*server).listRoles)},
	{get, "/v1/accounts/:account/roles/:role", serveJSON((*server).getRole)},
	{patch, "/v1/accounts/:account/roles/:role", serveJSON((*server).updateRole)},
	{remove, "/v1/accounts/:account/roles/:role", serveJSON((*server).deleteRole)},

	{post, "/v1/projects/:project/keys", serveJSON((*server).createProjectKey)},
	{get, "/v1/projects/:project/keys", serveJSON((*server).listProjectKeys)},
	{post, "/v1/subprojects/:subproject/keys", serveJSON((*server).createSubprojectKey)},
	{get, "/v1/subprojects/:subproject/keys", serveJSON((*server).listSubprojectKeys)},
	{post, "/v1/platform/keys", serveJSON((*server).createServiceKey)},
	{get, "/v1/platform/keys", serveJSON((*server).listServiceKeys)},
	{get, "/v1/platform/route-map", serveJSON((*server).getRouteMap)},
	{put, "/v1/platform/route-map", serveJSON((*server).setRouteMap)},
	{remove, "/v1/platform/route-map", serveJSON((*server).removeRouteMap)},
	{get, "/v1/keys/:key", serveJSON((*server).getKey)},
	{patch, "/v1/keys/:key", serveJSON((*server).updateKey)},
	{remove, "/v1/keys/:key", serveJSON((*server).revokeKey)},
	{post, "/v1/keys/:key/disable", serveJSON((*server).disableKey)},
	{post, "/v1/keys/:key/enable", serveJSON((*server).enableKey)},
	{post, "/v1/keys/:key/rotate", serveJSON((*server).rotateKey)},
	{post, "/v1/keys/:key/transfer", serveJSON((*server).transferKey)},

	{post, "/v1/bindings", serveJSON((*server).createBinding)},
	{get, "/v1/bindings", serveJSON((*server).listBindings)},
	{get, "/v1/bindings/:binding", serveJSON((*server).getBinding)},
	{remove, "/v1/bindings/:binding", serveJSON((*server).deleteBinding)},

	{get, "/v1/accounts/:account/log", serveJSON((*server).readLog)},
	{get, "/v1/accounts/:account/revisions/:revision", serveJSON((*server).receipt)},

	{post, "/v1/import", serveJSON((*server).importBundle)},
	{get, "/v1/accounts/:account/export", serveJSON((*server).exportAccount)},
	{get, "/v1/accounts/:account/casbin", stream((*server).printPolicy)},
}
