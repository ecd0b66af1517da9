-- Takes a lease, or renews one's own. Its end is compared with Redis's own
-- time, so that nothing has to expire.
--
-- KEYS  1 lease
-- ARGV  1 holder  2 for how long, in microseconds; 0 gives it back
--
-- Returns 1 if the holder now has it (or has given it back), 0 if another has.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local value = redis.call('GET', KEYS[1])
if value then
  local ends, holder = string.match(value, '^(%d+) (.*)$')
  if holder ~= ARGV[1] and ends and tonumber(ends) > now then return 0 end
end
redis.call('SET', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])) .. ' ' .. ARGV[1])
return 1
