-- Who takes part in which session: times in Asia/Shanghai.
-- {im} becomes the server's schema, {view} the view that `npm run report-views -- <schema>` makes.
-- Columns may be added and left out; the first line of the statement has to stay.
create or replace algorithm = merge sql security definer view {view} as
select
  p.session_id,
  p.participant_id,
  p.type,
  p.role,
  p.last_fetch_time + interval 8 hour as last_fetch_time,
  p.last_sent_time + interval 8 hour as last_sent_time,
  p.sticky
from {im}.participants as p
