-- resume_template: let sends go on that wait for a template, since Meta sends it again.
-- with: lanes
-- KEYS  1 the number's prefix
-- ARGV  1 the template, 2 most sends
-- Returns how many it looked at; fewer than the most are all that waited.
local number, template, now = KEYS[1], ARGV[1], clock()
local waiting = number .. 'template:' .. template
local found = redis.call('ZRANGE', waiting, 0, tonumber(ARGV[2]) - 1, 'WITHSCORES')

local function go_on(id, place)
  local send = number .. 'send:' .. id
  local row = read_send(send)
  if not row or row.stage ~= 'parked' or redis.call('HGET', send, 'parked_for') ~= template then return end
  enqueue(number, row.rank, row.lane, id, place, now)
  redis.call('ZREM', number .. 'parked', id)
  raise(number, send, 'queued')
end

for i = 1, #found, 2 do
  -- A damaged one expires, since it is among those parked still.
  guarded(go_on, found[i], found[i + 1])
  redis.call('ZREM', waiting, found[i])
end
if redis.call('EXISTS', waiting) == 0 then redis.call('SREM', number .. 'templates', template) end
return #found / 2
