-- Listed sends: which sends there are, for lists of them by time, contact and reference.
-- with: generations
-- `{n}listed` is a stream with the id of each, in the order in which they were planned. Terms lead to
-- it, "c" and a contact or "r" and a reference: a bucket of `{n}terms` is a text of entries, the
-- oldest first, of 6 bytes of the term's digest and the place in the stream (ms in 6, number in 2).
local TERMS, ENTRY, TAG = 128, 14, 6
local terms_now

local function list_term(number, now, term, place)
  local base, spot = number .. 'terms', spot_of(term)
  terms_now = terms_now or generation_now(base, now, 1, TERMS)
  local bucket = index_bucket(base, terms_now, spot)
  if redis.call('APPEND', bucket, spot:sub(5, 4 + TAG) .. place) == ENTRY then
    redis.call('PEXPIRE', bucket, INDEX_LIVES)
  end
  redis.call('HINCRBY', base .. ':count', terms_now:match('^%d+'), 1)
end

local function append_listed(number, now, id)
  local since = string.format('%.0f', math.max(0, now - C.MONTH_MS))
  local entry = redis.call('XADD', number .. 'listed', 'MINID', '~', since, '*', 'i', id)
  local ms, nth = entry:match('^(%d+)-(%d+)$')
  return struct.pack('>I6I2', ms, nth)
end

-- List a send, also by its reference unless that is "". A list whose keys are damaged lacks it.
local function list_send(number, now, id, contact, reference)
  guarded(function()
    local place = append_listed(number, now, id)
    list_term(number, now, 'c' .. contact, place)
    if reference ~= '' then list_term(number, now, 'r' .. reference, place) end
  end)
end
