-- Asks Tollgate about each request, and lets by only what it answers 200 for.
-- See haproxy.cfg. It needs nothing but what HAProxy 2.6 has.

local tollgate = "unix@/run/tollgate/proxy.sock"
-- HAProxy asks four times before it gives up, and waits this long each time:
-- after 2 seconds nobody is let by: 503.
local patience = 500 -- milliseconds

-- All that Tollgate sets.
local names = {
    "x-tollgate-decision",
    "x-tollgate-reason",
    "x-tollgate-principal",
    "x-tollgate-account",
    "x-tollgate-project",
    "x-tollgate-subproject",
    "x-tollgate-billing-account",
    "x-tollgate-billing-status",
    "x-tollgate-revision",
}

-- HAProxy counts the values of a header from 0.
local function all(headers, name)
    local values = {}
    local has = headers[name]
    if has then
        local i = has[0] and 0 or 1
        while has[i] do
            values[#values + 1] = has[i]
            i = i + 1
        end
    end
    return values
end

local function refuse(txn, status, headers, body)
    local reply = txn:reply({status = status})
    for name, value in pairs(headers) do
        reply:add_header(name, value)
    end
    reply:set_body(body or "")
    txn:done(reply)
end

core.register_action("tollgate", {"http-req"}, function(txn)
    local sent = txn.http:req_get_headers()
    -- None that the client made up comes through, neither with hyphens nor with
    -- underscores, which many servers take for one another. Nor does a Connection
    -- that would have the next proxy take one of ours away.
    for name in pairs(sent) do
        if name:lower():find("tollgate", 1, true) then
            txn.http:req_del_header(name)
        end
    end
    for _, value in ipairs(all(sent, "connection")) do
        if value:lower():find("tollgate", 1, true) then
            txn.http:req_del_header("connection")
        end
    end

    local ask = {
        ["host"] = {"tollgate"},
        ["x-forwarded-method"] = {txn.sf:method()},
        ["x-forwarded-uri"] = {txn.sf:pathq()}, -- as it arrived
        ["x-forwarded-for"] = all(sent, "x-forwarded-for"),
        ["authorization"] = all(sent, "authorization"),
        ["x-api-key"] = all(sent, "x-api-key"),
    }
    table.insert(ask["x-forwarded-for"], txn.sf:src())
    local hosts = all(sent, "host")
    if #hosts > 0 then
        ask["x-forwarded-host"] = hosts
    end
    for name, values in pairs(ask) do
        if #values == 0 then
            ask[name] = nil
        end
    end

    local answer = core.httpclient():get({
        url = "http://tollgate/proxy/forwarded", dst = tollgate, headers = ask, timeout = patience,
    })
    local status = answer and answer.status or 0
    if status ~= 200 then
        local known = status == 401 or status == 403 or status == 429
        local reason = answer and answer.headers and all(answer.headers, "x-tollgate-reason")[1] or "STATE_UNAVAILABLE"
        local headers = {["x-tollgate-reason"] = reason}
        if status == 401 then
            headers["www-authenticate"] = 'Bearer realm="tollgate"'
        end
        if status == 429 then
            headers["retry-after"] = all(answer.headers, "retry-after")[1]
        end
        if known then
            headers["content-type"] = "application/problem+json"
        end
        refuse(txn, known and status or 503, headers, known and answer.body)
        return
    end
    for _, name in ipairs(names) do
        txn.http:req_set_header(name, all(answer.headers, name)[1] or "")
    end
    -- The key has done what it is for.
    txn.http:req_del_header("authorization")
    txn.http:req_del_header("x-api-key")
end)
