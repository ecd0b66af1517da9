-- Commits one write of one account, whole or not at all.
--
-- A script that fails midway keeps what it has written. So everything that can
-- stand in the way is looked at before the first write, and the first write is
-- the only one that Redis may still refuse (out of memory, no replica, an
-- entry of the log that is too old). JSON is carried, never read or written.
--
-- KEYS  1 head  2 docs  3 res  4 payers  5 parents  6 log  7 ids
--       8 revoked:<identity>  9 made:<identity>
--       10… in:<container>, each that is named below
--
-- ARGV  identity, new (0|1), basis ('' for any), administrative (0|1),
--       deadline (µs, '' for none), length of the log, forget it (0|1),
--       actor, caller, action, edits (JSON),
--       account, the channel to publish the change on, the most of edits that
--       are published with it (bytes),
--       outcome to remember ('' for none), for how many seconds,
--       then lists, each preceded by the number of its items:
--         present   key, field                     records that exist
--         versions  key, field, version            0 for one that does not exist
--         records   key, field, created, json      created 0: now; json '': delete
--         members   key, add (0|1), member         of the indexes of containers
--         history   key, node NUL, at, NUL from NUL to     at 0: now
--       where key is an index of KEYS.
--
-- Returns {'ok',       number, at, previous identity, basis, now}
--         {'done',     …}           the same: this identity was committed before
--         {'conflict', guard, now}  nothing was written
--         {'corrupt',  what}        nothing was written

local cursor = 0
local function take()
  cursor = cursor + 1
  return ARGV[cursor]
end
local function key() return KEYS[tonumber(take())] end
local function times() return tonumber(take()) end
local function whole(number) return string.format('%.0f', number) end

local identity, new, basis, administrative = take(), take(), take(), take()
local deadline, keep, forget = take(), tonumber(take()), take()
local actor, caller, action, edits = take(), take(), take(), take()
local account, channel, most = take(), take(), tonumber(take())
local outcome, remember = take(), take()

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local function conflict(guard) return {'conflict', guard, whole(now)} end

-- The keys hold what they should.

local kinds = {'hash', 'hash', 'hash', 'zset', 'zset', 'stream', 'zset', 'string', 'string'}
for i = 1, #KEYS do
  local kind = redis.call('TYPE', KEYS[i])
  kind = kind.ok or kind
  if kind ~= 'none' and kind ~= (kinds[i] or 'zset') then
    return {'corrupt', KEYS[i] .. ' is a ' .. kind}
  end
end

local head = {num = '0', id = '', basis = '0', at = '0'}
local exists = redis.call('EXISTS', KEYS[1]) == 1
if exists then
  local found = redis.call('HMGET', KEYS[1], 'num', 'id', 'basis', 'at')
  head = {num = found[1], id = found[2], basis = found[3], at = found[4]}
  if not (head.id and tonumber(head.num) and tonumber(head.basis) and tonumber(head.at)) then
    return {'corrupt', KEYS[1] .. ' lacks a field'}
  end
  if redis.call('EXISTS', KEYS[2]) == 0 then
    return {'corrupt', KEYS[1] .. ' has no records'}
  end
else
  for i = 2, 7 do
    if redis.call('EXISTS', KEYS[i]) == 1 then
      return {'corrupt', KEYS[i] .. ' has no head'}
    end
  end
end

-- This very commit may have been sent before, and its reply lost. One that is
-- remembered may have been sent by another writer, with edits of its own: the
-- revision before it is not told then, so that nobody applies his to that.

if outcome ~= '' then
  local made = redis.call('GET', KEYS[9])
  if made then
    local was, moment, from = string.match(made, '^(%d+) (%d+) (%d+) ')
    if not was then return {'corrupt', KEYS[9] .. ' cannot be read'} end
    return {'done', was, moment, '', from, whole(now)}
  end
end
local number = redis.call('ZSCORE', KEYS[7], identity)
if number then
  local id = whole(tonumber(number)) .. '-0'
  local entry = redis.call('XRANGE', KEYS[6], id, id)[1]
  if entry then
    local was = {}
    for i = 1, #entry[2], 2 do was[entry[2][i]] = entry[2][i + 1] end
    return {'done', whole(tonumber(number)), was.at, was.prev, was.basis, whole(now)}
  end
end

-- The guards.

if (new == '1') == exists then return conflict('account') end
if redis.call('EXISTS', KEYS[8]) == 1 then return conflict('claim') end
if deadline ~= '' and now > tonumber(deadline) then return conflict('deadline') end
if basis ~= '' and basis ~= head.basis then return conflict('basis') end
for _ = 1, times() do
  if redis.call('HEXISTS', key(), take()) == 0 then return conflict('present') end
end
for _ = 1, times() do
  local value = redis.call('HGET', key(), take())
  local version = '0'
  if value then version = string.match(value, '^%d+ %d+ (%d+) ') end
  if not version then return {'corrupt', 'a record has no version'} end
  if version ~= take() then return conflict('version') end
end

-- The writes.

local at = now
if at <= tonumber(head.at) then at = tonumber(head.at) + 1 end
at = whole(at)
local num = whole(tonumber(head.num) + 1)
basis = head.basis
if administrative == '1' then basis = num end

redis.call('XADD', KEYS[6], 'MAXLEN', '~', keep, num .. '-0', 'id', identity, 'prev', head.id, 'at', at,
  'basis', basis, 'actor', actor, 'caller', caller, 'action', action, 'edits', edits)
if forget == '1' then redis.call('XTRIM', KEYS[6], 'MAXLEN', 1) end
redis.call('HSET', KEYS[1], 'num', num, 'id', identity, 'basis', basis, 'at', at)
if outcome ~= '' then
  redis.call('SET', KEYS[9], num .. ' ' .. at .. ' ' .. basis .. ' ' .. outcome, 'EX', remember)
end
redis.call('ZADD', KEYS[7], num, identity)
if tonumber(num) % 64 == 0 then -- not each time: embedded, a trim sorts the set
  redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', whole(tonumber(num) - keep))
end

for _ = 1, times() do
  local hash, field, created, json = key(), take(), take(), take()
  if json == '' then
    redis.call('HDEL', hash, field)
  else
    if created == '0' then created = at end
    redis.call('HSET', hash, field, created .. ' ' .. at .. ' ' .. num .. ' ' .. json)
  end
end
for _ = 1, times() do
  local set, add, member = key(), take(), take()
  if add == '1' then
    redis.call('ZADD', set, 0, member)
  else
    redis.call('ZREM', set, member)
  end
end
for _ = 1, times() do
  local set, node, moment, change = key(), take(), take(), take()
  if moment == '0' then moment = at end
  redis.call('ZADD', set, 0, node .. string.format('%020.0f', tonumber(moment)) .. change)
end

-- Whoever listens hears of it. It is a hint: that it could not be published
-- undoes nothing, and whoever is sent no edits reads them.

local told = edits
if #told > most then told = '' end
redis.pcall('PUBLISH', channel, table.concat({account, num, identity, head.id, at, basis, told}, '\n'))

return {'ok', num, at, head.id, basis, whole(now)}
