-- revive: restore the row of a compacted send, so that it can begin again.
-- with: compact_records
-- KEYS  1 the number's prefix
-- ARGV  1 send, 2 what the index held for it when it was read, 3 how many wamids, each wamid, then
--       the fields of the row, then what is left of members as name and row after an empty argument
-- Returns 1 where the row is there, 0 where a status came since it was read.
-- The row is written at once and last; from then on it is what counts.
local number, id, now = KEYS[1], ARGV[1], clock()
local send = number .. 'send:' .. id
if redis.call('EXISTS', send) == 1 then return 1 end
if look_up_spot(number, spot_of('s' .. id)) ~= ARGV[2] then return 0 end

local at = 4 + tonumber(ARGV[3])
for i = 4, at - 1 do redis.call('SET', number .. 'wamid:' .. ARGV[i], id, 'PX', C.MONTH_MS) end
local fields = {}
while at <= #ARGV and ARGV[at] ~= '' do
  fields[#fields + 1], fields[#fields + 2] = ARGV[at], ARGV[at + 1]
  at = at + 2
end
for i = at + 1, #ARGV, 2 do redis.call('HSETNX', number .. 'members:' .. id, ARGV[i], ARGV[i + 1]) end
if at < #ARGV then redis.call('PEXPIRE', number .. 'members:' .. id, C.MONTH_MS) end
redis.call('ZADD', number .. 'finished', now + C.DAY_MS, id)
-- A row has at most some hundred fields (see `forget` in pump.lua).
redis.call('HSET', send, unpack(fields))
return 1
