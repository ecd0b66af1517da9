-- Lists resources of a container, index and records as of one moment.
--
-- KEYS  1 in:<container>  2 res
-- ARGV  1 the "type:id" after which to begin, '' for the first  2 how many at most
--
-- Returns {field, value, field, value, …} in the order of the fields' bytes;
-- the value of a record that is missing is ''.

local from = '-'
if ARGV[1] ~= '' then from = '(' .. ARGV[1] end
local answer = {}
for _, field in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, ARGV[2])) do
  answer[#answer + 1] = field
  answer[#answer + 1] = redis.call('HGET', KEYS[2], field) or ''
end
return answer
