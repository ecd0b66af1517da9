-- Replaces a claim, if it still is what the writer believes. Doing it twice is
-- doing it once, so that a call whose reply was lost can be repeated.
--
-- KEYS  1 locator
-- ARGV  1 the new value ('' to delete)  2… the values that it may replace
--
-- Returns 1 if the locator now is as wanted, 0 if it holds something else.

local value = redis.call('GET', KEYS[1]) or ''
if value == ARGV[1] then return 1 end
for i = 2, #ARGV do
  if value == ARGV[i] then
    if ARGV[1] == '' then
      redis.call('DEL', KEYS[1])
    else
      redis.call('SET', KEYS[1], ARGV[1])
    end
    return 1
  end
end
return 0
