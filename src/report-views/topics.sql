-- Consultations: times in Asia/Shanghai. An index of ours can't serve a condition on them: such a statement reads all.
-- {im} becomes the server's schema, {view} the view that `npm run report-views -- <schema>` makes.
-- Columns may be added and left out; the first line of the statement has to stay.
create or replace algorithm = merge sql security definer view {view} as
select
  t.id,
  t.session_id,
  t.name,
  t.description,
  t.type,
  t.status,
  t.reply,
  t.reply_time + interval 8 hour as reply_time,
  t.create_time + interval 8 hour as create_time,
  t.start_message_id,
  t.end_message_id,
  t.end_time + interval 8 hour as end_time,
  t.end_by,
  t.end_by_name,
  t.open_session_id
from {im}.topics as t
