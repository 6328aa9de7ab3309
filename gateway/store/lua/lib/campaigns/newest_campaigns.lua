-- Newest campaigns: those that wrote to a customer lately, and which of them an event answers.
-- with: recipients_by_contact, recipients, compact_records
-- Cells of recipients whom the message may have reached.
local REACHED = {attempting = true, unconfirmed = true, accepted = true, sent = true, delivered = true,
  read = true}

local function read_campaign(number, id)
  local key = number .. 'campaign:' .. id
  return {id = id, key = key, name = redis.call('HGET', key, 'name'), buckets = buckets_by_contact(key)}
end

-- Campaigns that may have written to a customer, each as it is needed for many of them. Damaged keys
-- of one, here and below, hide no answer to another.
local function read_campaigns(number, ids)
  local campaigns = {}
  for _, id in ipairs(ids) do campaigns[#campaigns + 1] = guarded(read_campaign, number, id) end
  return campaigns
end

local function was_reached(campaign, row)
  local cell = read_recipient(campaign.key, row)
  return cell and REACHED[C.CELLS[cell + 1]]
end

local function is_quoted(number, send, wamid)
  local id = redis.call('GET', number .. 'wamid:' .. wamid)
  if id then return id == send end
  return look_up_spot(number, spot_of('w' .. wamid)) == spot_of('s' .. send)
end

-- Names under which a campaign may have queued a customer, with that of the contact.
local function all_names(number, names)
  local contact, all = contact_of(number, names[1]), {}
  for i, name in ipairs(names) do
    all[i] = name
    if name == contact then contact = nil end
  end
  all[#all + 1] = contact
  return all
end

-- The message of a campaign that a name got, as an event answers it, nil where it got none in time.
local function message_to(number, campaign, name, wamid, event_s, lasts_s)
  local row, queued_s = find_by_contact(campaign.key, campaign.buckets, name)
  local is_due = row and queued_s <= event_s and queued_s >= event_s - lasts_s
  if not (is_due and campaign.name and was_reached(campaign, row)) then return nil end
  local send = string.format('%s%s%011.0f', C.CAMPAIGN_MARK, campaign.id, row)
  local quoted = wamid ~= '' and is_quoted(number, send, wamid)
  return {send, campaign.id, campaign.name, queued_s, quoted and 1 or 0}
end

-- The campaign that a customer's event answers: whose message it quotes, or else the newest.
local function newest_campaign(number, campaigns, names, wamid, event_s, lasts_s)
  local newest
  for _, campaign in ipairs(campaigns) do
    for _, name in ipairs(names) do
      local one = guarded(message_to, number, campaign, name, wamid, event_s, lasts_s)
      if one and one[5] == 1 then return one end
      if one and (not newest or one[4] > newest[4]) then newest = one end
    end
  end
  return newest
end

local newest_campaigns = {read = read_campaigns, names = all_names, find = newest_campaign}
