-- Recipients of campaigns: a text with four bytes for each, its cell in the funnel and Meta's code of
-- a failure. The funnel's counts change with it, so their sum is always the total.

-- What a send becomes says in which cell its recipient is.
local function cell_of(stage)
  local named = C.CELL_OF_STAGE[stage] or stage
  for i, cell in ipairs(C.CELLS) do
    if cell == named then return i - 1 end
  end
end

local function is_of_campaign(send)
  return send:sub(1, 1) == C.CAMPAIGN_MARK
end

local function campaign_of(number, send)
  return number .. 'campaign:' .. send:sub(2, C.CAMPAIGN_ID_LENGTH + 1),
    tonumber(send:sub(C.CAMPAIGN_ID_LENGTH + 2))
end

local function read_recipient(campaign, row)
  local packed = redis.call('GETRANGE', campaign .. ':recipients', row * 4, row * 4 + 3)
  if #packed < 4 then return nil end
  return packed:byte(1), struct.unpack('>I3', packed, 2)
end

-- The names under which a recipient is counted: its cell, and Meta's code if it failed. One who is
-- queued for another try has a mark in place of the code.
local function counts_of(cell, code)
  local name = C.CELLS[cell + 1]
  if name == 'failed' then return {'cell:' .. name, 'code:' .. code} end
  if name == 'queued' and code == C.RETRYING then return {'cell:' .. name, 'retrying'} end
  return {'cell:' .. name}
end

-- Changes of counts, by name; `names` has these in the order in which they came.
local function add_counts(by, names, counts, one)
  for _, name in ipairs(counts) do
    if not by[name] then names[#names + 1] = name end
    by[name] = (by[name] or 0) + one
  end
end

-- All counts change by one write, so whatever fails, their sum stays the total.
local function recount(campaign, by, names)
  local fields = {}
  for i, value in ipairs(redis.call('HMGET', campaign, unpack(names))) do
    fields[2 * i - 1] = names[i]
    fields[2 * i] = tonumber(value or 0) + by[names[i]]
  end
  redis.call('HSET', campaign, unpack(fields))
end

-- Meta's code of a failure, 0 without one, and for a number that is larger than any of Meta's.
local function code_of(failure)
  local code = tonumber((failure or ''):match('"code": ?(%d+)') or 0)
  return code <= C.MOST_CODE and code or 0
end

-- A failure of which the gateway says itself that nothing was posted, or `is_passed`, is counted beside
-- the funnel by its code: such a recipient was not written to.
local function move_recipient(number, send, stage, failure, only_up, is_passed)
  local campaign, row = campaign_of(number, send)
  local cell = row and cell_of(stage)
  if not cell then return end
  local before, old_code = read_recipient(campaign, row)
  if not before or before == cell or only_up and before > cell then return end
  local has_failed = C.CELLS[cell + 1] == 'failed'
  local code = has_failed and code_of(failure) or stage == 'retrying' and C.RETRYING or 0
  redis.call('SETRANGE', campaign .. ':recipients', row * 4, struct.pack('>I1I3', cell, code))
  local by, names = {}, {}
  add_counts(by, names, counts_of(before, old_code), -1)
  add_counts(by, names, counts_of(cell, code), 1)
  if has_failed and (is_passed or (failure or ''):find(C.NOT_POSTED, 1, true)) then
    add_counts(by, names, {'unposted:' .. code}, 1)
  end
  recount(campaign, by, names)
end

-- Rows as a text of all between the first and the last, where most of these are among them.
local function read_stretch(campaign, rows)
  if #rows == 0 then return nil end
  local first, last = math.min(unpack(rows)), math.max(unpack(rows))
  if last - first >= 4 * #rows then return nil end
  local packed = redis.call('GETRANGE', campaign .. ':recipients', first * 4, last * 4 + 3)
  return #packed == 4 * (last - first + 1) and packed or nil, first
end

-- Return a function that says whether a recipient of these rows, or an unknown one, was taken before.
local function claimed_among(campaign, rows)
  local packed, first = read_stretch(campaign, rows)
  return function(row)
    if packed then return packed:byte((row - first) * 4 + 1) ~= 0 end
    return read_recipient(campaign, row) ~= 0
  end
end

-- Recipients of a campaign are queued: all of them by one write, and one of the counts.
local function queue_recipients(campaign, rows)
  local cell = cell_of('queued')
  local packed, first = read_stretch(campaign, rows)
  if not packed then return false end
  local by, names, parts, from = {}, {}, {}, 1
  table.sort(rows)
  for _, row in ipairs(rows) do
    local at = (row - first) * 4 + 1
    local before = packed:byte(at)
    if before ~= cell then
      parts[#parts + 1] = packed:sub(from, at - 1)
      parts[#parts + 1] = struct.pack('>I1I3', cell, 0)
      from = at + 4
      add_counts(by, names, counts_of(before, struct.unpack('>I3', packed, at + 1)), -1)
      add_counts(by, names, counts_of(cell, 0), 1)
    end
  end
  if #names == 0 then return true end
  redis.call('SETRANGE', campaign .. ':recipients', first * 4, table.concat(parts) .. packed:sub(from))
  recount(campaign, by, names)
  return true
end

-- Note what became of the recipient of a campaign's send; `...` are fields that are written with it.
local function track(number, send, stage, ...)
  if not is_of_campaign(send) then return end
  local fields = {...}
  for i = 1, #fields, 2 do
    if fields[i] == 'error' then return move_recipient(number, send, stage, fields[i + 1]) end
  end
  move_recipient(number, send, stage)
end

-- Note that a send is queued for another try, for a reason of its own.
local function track_retry(number, send)
  if is_of_campaign(send) then move_recipient(number, send, 'retrying') end
end

-- Note that sends are queued. Those of a campaign stand side by side, nearly always.
local function track_queued(number, ids)
  local campaigns = {}
  for _, id in ipairs(ids) do
    if is_of_campaign(id) then
      local campaign, row = campaign_of(number, id)
      campaigns[campaign] = campaigns[campaign] or {rows = {}, ids = {}}
      table.insert(campaigns[campaign].rows, row)
      table.insert(campaigns[campaign].ids, id)
    end
  end
  for campaign, queued in pairs(campaigns) do
    if #queued.rows == 1 or not queue_recipients(campaign, queued.rows) then
      for _, id in ipairs(queued.ids) do move_recipient(number, id, 'queued') end
    end
  end
end

-- A status of a send whose own row is gone can only be further up the ladder.
local function track_late(number, send, stage, failure)
  if is_of_campaign(send) then move_recipient(number, send, stage, failure, true) end
end
