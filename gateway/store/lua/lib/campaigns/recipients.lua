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

-- The names under which a recipient is counted: its cell, and Meta's code if it failed.
local function counts_of(cell, code)
  local name = C.CELLS[cell + 1]
  if name == 'failed' then return {'cell:' .. name, 'code:' .. code} end
  return {'cell:' .. name}
end

-- All counts change by one write, so whatever fails, their sum stays the total.
local function recount(campaign, left, entered)
  local by, names = {}, {}
  local function add(counts, one)
    for _, name in ipairs(counts) do
      if not by[name] then names[#names + 1] = name end
      by[name] = (by[name] or 0) + one
    end
  end
  add(left, -1)
  add(entered, 1)
  local fields = {}
  for i, value in ipairs(redis.call('HMGET', campaign, unpack(names))) do
    fields[2 * i - 1] = names[i]
    fields[2 * i] = tonumber(value or 0) + by[names[i]]
  end
  redis.call('HSET', campaign, unpack(fields))
end

local function move_recipient(number, send, stage, failure, only_up)
  local campaign, row = campaign_of(number, send)
  local cell = row and cell_of(stage)
  if not cell then return end
  local before, old_code = read_recipient(campaign, row)
  if not before or before == cell or only_up and before > cell then return end
  local code = C.CELLS[cell + 1] == 'failed' and tonumber((failure or ''):match('"code": ?(%d+)')) or 0
  redis.call('SETRANGE', campaign .. ':recipients', row * 4, struct.pack('>I1I3', cell, code))
  recount(campaign, counts_of(before, old_code), counts_of(cell, code))
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

-- A status of a send whose own row is gone can only be further up the ladder.
local function track_late(number, send, stage, failure)
  if is_of_campaign(send) then move_recipient(number, send, stage, failure, true) end
end
