-- tick: move what is due of one number, a limited number of items of each kind.
-- with: pauses, pace, lanes
-- KEYS  1 the number's prefix
-- ARGV  1 most items
-- Returns {moved, timers as {id, row, ...}, overdue ms of the oldest ready lane per rank, how many
-- sends are unconfirmed, damaged items in threes of kind, id and why, overdue ms of the oldest
-- notification that is due, -1 for none, how many results are owed, how many schedules are due,
-- templates for which sends wait, services that can be called, overdue ms of the receiver of forwards
-- that has something to do, -1 for none, when the oldest delivery was kept to which a forward refers,
-- "" for none, and for how many calls there was no room}; a number that may not send has no ready
-- lane, one whose pause is over has something to do.
local number = KEYS[1]
local now = clock()
local most = tonumber(ARGV[1])
local RESTS = 300000 -- for this long a damaged item is skipped
local damaged = {}

-- Do the work that is due for each member of a set; a damaged one rests, and is reported.
local function each_due(set, work)
  local ids = redis.call('ZRANGEBYSCORE', number .. set, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(ids) do
    local _, why = guarded(work, id)
    if why then
      redis.call('ZADD', number .. set, now + RESTS, id)
      note_damage(damaged, set, id, why)
    end
  end
  return #ids
end

local due = each_due('due', function(id)
  local row = redis.call('HMGET', number .. 'send:' .. id, 'lane', 'rank', 'final', 'rung')
  if row[1] and not row[3] and tonumber(row[4]) < C.STATUS_RANK.unconfirmed then
    enqueue(number, row[2], row[1], id, nil, now)
  end
  redis.call('ZREM', number .. 'due', id)
end)

-- Sends that an operator released come back to their places.
local stops, moved = stops_of(number), 0
local function let_go_on(id, place)
  local row = redis.call('HMGET', number .. 'send:' .. id, 'lane', 'rank', 'final')
  if row[1] and not row[3] then
    enqueue(number, row[2], row[1], id, place, now)
  end
end

for _, rule in ipairs(redis.call('SMEMBERS', number .. 'holding')) do
  if not stops.rules[rule] and moved < most then
    local held = number .. 'held:' .. rule
    local room = most - moved
    local found = redis.call('ZRANGE', held, 0, room - 1, 'WITHSCORES')
    for i = 1, #found, 2 do
      local _, why = guarded(let_go_on, found[i], found[i + 1])
      -- Among due sends it is tried again; here a thousand of them would block all others.
      if why then
        redis.call('ZADD', number .. 'due', now + RESTS, found[i])
        note_damage(damaged, 'held', found[i], why)
      end
      redis.call('ZREM', held, found[i])
    end
    moved = moved + #found / 2
    if #found < 2 * room then redis.call('SREM', number .. 'holding', rule) end
  end
end

-- A customer who did not write in time gets no answer any more, and neither does one whose template
-- Meta did not send again.
each_due('parked', function(id)
  local row = read_send(number .. 'send:' .. id)
  if row and row.stage == 'parked' then
    local template = leave_parked(number, id, row)
    bury(number, now, id, 'expired', template and '{"reason":"Meta had stopped its template until it expired"}'
      or '{"reason":"the customer did not write again in time"}')
  end
  redis.call('ZREM', number .. 'parked', id)
end)

-- Evidence can come until a send expires; after that the operator decides.
local lost = each_due('unconfirmed', function(id)
  local send = number .. 'send:' .. id
  if redis.call('HGET', send, 'stage') == 'unconfirmed' then
    -- A campaign's recipient stays in doubt, which its funnel shows.
    if is_of_campaign(id) then retire(number, id, now) else list_dead_send(number, id, now) end
    owe_result(number, id)
    redis.call('HSET', send, 'stage', 'dead', 'final', 1, 'error',
      '{"reason":"unconfirmed: nobody knows whether Meta had it"}')
    count(number, 'sends.dead')
  end
  redis.call('ZREM', number .. 'unconfirmed', id)
end)

local timers = {}
each_due('timers', function(id)
  local row = redis.call('HGET', number .. 'timer', id) or ''
  timers[#timers + 1] = id
  timers[#timers + 1] = row
end)

-- No lane waits for longer than this: a moment beyond it was given by a clock that stepped back
-- since.
local LONGEST = 60000
local overdue = {}
local may_send = stopped_for(stops, now) == 0 and pace_of(number, now, 1).rest == 0
for i, rank in ipairs(C.PRIORITIES) do
  local ready = number .. 'ready:' .. rank
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', ready, now + LONGEST + 1, '+inf', 'LIMIT', 0, most)) do
    redis.call('ZADD', ready, now + LONGEST, lane)
  end
  local head = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')
  overdue[i] = may_send and head[2] and math.max(-1, now - tonumber(head[2])) or -1
end
if is_tried(stops, now) then overdue[1] = math.max(0, overdue[1]) end
local notification = redis.call('ZRANGE', number .. 'notifications_due', 0, 0, 'WITHSCORES')[2]
local notification_overdue = notification and math.max(-1, now - tonumber(notification)) or -1
local services = {}
local function note_due_services()
  for _, service in ipairs(redis.call('SRANDMEMBER', number .. 'services', 100)) do
    local due_calls = redis.call('ZCOUNT', number .. 'calls_due:' .. service, '-inf', now)
    if due_calls > 0 then services[#services + 1] = service end
  end
end
local _, torn = guarded(note_due_services)
if torn then note_damage(damaged, 'services', '', torn) end
local crowded_calls, worn = guarded(redis.call, 'ZCARD', number .. 'calls_crowded')
if worn then note_damage(damaged, 'calls', '', worn) end
local schedules, why = guarded(redis.call, 'ZCOUNT', number .. 'schedules', '-inf', now)
if why then note_damage(damaged, 'schedules', '', why) end
local templates, broken = guarded(redis.call, 'SRANDMEMBER', number .. 'templates', 100)
if broken then note_damage(damaged, 'templates', '', broken) end

-- Forwards refer to deliveries, which are trimmed only after that. A receiver whose keys are damaged
-- gets nothing, and holds nothing back.
local receivers, lost_receivers = guarded(redis.call, 'ZRANGE', number .. 'forwards', 0, -1, 'WITHSCORES')
if lost_receivers then note_damage(damaged, 'forwards', '', lost_receivers) end
receivers = receivers or {}
local oldest_referred = ''
for i = 1, #receivers, 2 do
  local kept = number .. 'forwards:' .. receivers[i] .. ':kept'
  local oldest, why_not = guarded(redis.call, 'ZRANGE', kept, 0, 0, 'WITHSCORES')
  if why_not then note_damage(damaged, 'forwards', receivers[i], why_not) end
  local at = oldest and oldest[2]
  if at and (oldest_referred == '' or tonumber(at) < tonumber(oldest_referred)) then oldest_referred = at end
end
local next_at = receivers[2]
local forward_overdue = next_at and next_at ~= 'inf' and math.max(-1, now - tonumber(next_at)) or -1
return {due + lost + moved, timers, overdue, redis.call('ZCARD', number .. 'unconfirmed'), damaged,
  notification_overdue, redis.call('ZCOUNT', number .. 'results', '-inf', now), schedules or 0,
  templates or {}, services, forward_overdue, oldest_referred, crowded_calls or 0}
