-- Planned sends: their rows, and their way into a lane. Until a send is in its lane, or due later,
-- its stage is `new`: nothing points at it yet.
-- with: lanes, listed_sends
-- A send is listed before it exists, so that none is missing; what may be repeated is in no list.
local function write_planned(number, now, id, lane, rank, expires, repeatable, closed, rule, row, reference, ...)
  if repeatable ~= '1' then list_send(number, now, id, lane, reference or '') end
  redis.call('HSET', number .. 'send:' .. id, 'stage', 'new', 'rung', C.STATUS_RANK.queued,
    'attempts', 0, 'lane', lane, 'rank', rank, 'planned', now, 'expires', expires,
    'repeatable', repeatable, 'closed', closed, 'rule', rule, 'row', row, ...)
end

-- The contact may have become one with another since the send was planned: it goes where the
-- person's other sends wait. One that cannot be read is no reason to refuse.
local function present_lane(number, name)
  return guarded(contact_of, number, name) or name
end

-- Sends that are due in the same moment stay in the order of their places.
local function push_planned(number, now, id, lane, rank, due, place)
  local send = number .. 'send:' .. id
  if redis.call('HGET', send, 'stage') ~= 'new' then return end
  if tonumber(due) > now then
    redis.call('ZADD', number .. 'due', tonumber(due) + place % 1, id)
  else
    enqueue(number, rank, lane, id, place, now)
  end
  track(number, id, 'queued')
  redis.call('HSET', send, 'stage', 'queued')
  count(number, 'sends.queued')
end
