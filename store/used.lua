-- Notes when something was used last, unless a later time is known.
--
-- KEYS  1 string
-- ARGV  1 time in microseconds  2 for how long to keep it, in seconds

local known = redis.call('GET', KEYS[1])
if known and tonumber(known) and tonumber(known) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
