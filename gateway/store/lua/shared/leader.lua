-- leader: acquire the leader lock, keep it, or release it.
-- KEYS  1 the key that holds it
-- ARGV  1 the name of the process, 2 for how many ms, 0 to release it
-- Returns 1 where the process holds it now. Repeating the call changes nothing, so a lost answer
-- does no harm.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
redis.call('DEL', KEYS[1])
return 0
