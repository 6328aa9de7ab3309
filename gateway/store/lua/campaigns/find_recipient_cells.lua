-- find_recipient_cells: in which cells of a campaign some contacts are; it writes nothing.
-- with: recipients, recipients_by_contact
-- KEYS  1 the number's prefix
-- ARGV  1 campaign, then names of contacts
-- Returns for each the place of the cell, that of `waiting` for whom the campaign queued nothing within
-- 30 days.
local campaign = KEYS[1] .. 'campaign:' .. ARGV[1]
local buckets = buckets_by_contact(campaign)

local function find(name)
  local row = find_by_contact(campaign, buckets, name)
  return row and read_recipient(campaign, row) or 0
end

local found = {}
for i = 2, #ARGV do found[i - 1] = guarded(find, ARGV[i]) or 0 end
return found
