-- Takes a member out of a sorted set, if its score still is what the reader saw.
--
-- KEYS  1 sorted set
-- ARGV  1 member  2 score

local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) == tonumber(ARGV[2]) then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
return 0
