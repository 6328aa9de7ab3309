-- Apply a status: Meta reports a message's progress; its send rises, begins again or ends.
-- with: reopen, group_status, compact_records, unreachable, stop_codes

-- The values of a status, by name. An older release may have planned those in `redo`; it gave only
-- the first seven.
local function read_status(send, wamid, stage, rung, at, failure, attempt, came, participant, pricing, after,
    wait)
  return {send = send, wamid = wamid, stage = stage, rung = tonumber(rung), at = at, failure = failure,
    attempt = attempt, came = came, participant = participant or '', pricing = pricing or '',
    after = after or '', wait = tonumber(wait or 0)}
end

-- The send of a status, named by our data or else by its wamid, and whether it has a row.
local function find_send(number, status)
  if status.send ~= '' and redis.call('EXISTS', number .. 'send:' .. status.send) == 1 then
    return status.send, true
  end
  local id = redis.call('GET', number .. 'wamid:' .. status.wamid)
  return id or status.send, id and redis.call('EXISTS', number .. 'send:' .. id) == 1
end

-- A failure for one participant does not fail the message, which Meta has.
local function climb_alone(number, id, status)
  if id ~= '' then
    climb(number, id, status.participant, status.stage, status.rung, status.at, status.failure)
  end
  if status.stage == 'failed' then status.stage, status.rung = 'accepted', C.STATUS_RANK.accepted end
end

-- The pricing is our own JSON, without spaces; a category that is not known has no counter of its
-- own, because whoever has the secret could make a million of them.
local function count_category(number, pricing)
  local category = string.match(pricing, '"category":"([a-z_]+)"') or ''
  count(number, 'categories.' .. (C.CATEGORIES[category] and category or 'other'))
end

-- The history has each stage once, with Meta's own moment; of a group the first.
local function note_status(number, id, row, status)
  local send, attempt = number .. 'send:' .. id, status.attempt
  if status.stage ~= 'accepted' then
    redis.call('HSETNX', send, 'at:' .. status.stage .. ':' .. attempt, status.at)
  end
  if status.pricing ~= '' and redis.call('HSETNX', send, 'pricing', status.pricing) == 1 then
    count_category(number, status.pricing)
  end
  -- Not the wamid of a message that was replaced: it is stored apart, or led here.
  if attempt ~= '' and redis.call('HEXISTS', send, 'wamid:' .. attempt) == 0 then
    learn_wamid(number, id, row.wamid, status.wamid)
  end
  local began = redis.call('HMGET', send, 'began:' .. attempt, 'first')
  prove(number, status.came, began[1] or began[2])
end

local function is_obeyed(number, id, row, status)
  if row.final or status.rung <= row.rung then return false end
  if status.stage == 'failed' then return not is_past(number, id, status.attempt) end
  return not is_undone(number, id, status.attempt, status.rung)
end

-- Any status proves that Meta had the message, so nothing waits for the response any more.
local function stop_waiting(number, now, id, row, rung)
  overtake(number, row.rank, row.lane, id)
  redis.call('ZREM', number .. 'unconfirmed', id)
  redis.call('ZREM', number .. 'due', id)
  retire(number, id, now + C.DAY_MS)
  leave_lane(number, row.rank, row.lane, id, now, next_from(row, rung, now))
end

-- A message that was delivered reached its customer, whatever else is known of it by now.
local function heed_delivery(number, status, customer)
  if status.rung >= C.STATUS_RANK.delivered and customer ~= '' then forget_unreachable(number, customer) end
end

-- `customer` is whom the status is about, "" where it does not say.
local function apply_status(number, now, customer, ...)
  local status = read_status(...)
  if status.came == '1' then count(number, 'statuses.late') end
  local id, has_row = find_send(number, status)
  if status.participant ~= '' then climb_alone(number, id, status) end
  if not has_row then
    track_late(number, id, status.stage, status.failure)
    heed_delivery(number, status, customer)
    -- A status of a compacted send is recorded beside what is left of it.
    if not stage_done(number, now, id, status.wamid, status) then count(number, 'statuses.unmatched') end
    return
  end
  local send = number .. 'send:' .. id
  local row = read_send(send)
  heed_delivery(number, status, row.lane)
  if status.participant == '' and status.rung < row.rung then count(number, 'statuses.backwards') end
  note_status(number, id, row, status)
  if status.stage == 'failed' then note_stop_code(number, id, row, status.attempt, status.failure) end
  if not is_obeyed(number, id, row, status) then
    -- The funnel also rises where the send itself is over, as it does once the row is gone.
    if row.final then track_late(number, id, status.stage, status.failure) end
    return
  end
  if status.rung >= C.STATUS_RANK.failed then end_rest(number, id, row, now) end
  if row.rung < C.STATUS_RANK.accepted then stop_waiting(number, now, id, row, status.rung) end
  -- The stage is written last: it shows that all of this was done.
  if status.stage == 'failed' then
    if status.after ~= '' and may_begin_again(number, now, id, status.after, status.wait, status.failure) then
      return
    end
    -- As of Meta's moment: a status may come late, and the customer may have written since.
    note_unreachable(number, math.min(now, tonumber(status.at)), row.lane, status.failure)
    owe_result(number, id)
    if is_of_campaign(id) then retire(number, id, now) else list_dead_send(number, id, now) end
    track(number, id, 'failed', 'error', status.failure)
    redis.call('HSET', send, 'rung', status.rung, 'stage', 'failed', 'final', 1, 'error', status.failure)
  else
    owe_result(number, id)
    -- Nothing more is expected of a message that was read.
    if status.rung >= C.STATUS_RANK.read then retire(number, id, now) end
    track(number, id, status.stage)
    redis.call('HSET', send, 'rung', status.rung, 'stage', status.stage)
  end
  count(number, 'sends.' .. status.stage)
  wake(row, id)
end
