-- Sessions, for the platform's own statements: times in Asia/Shanghai, a text as plain text.
-- {im} becomes the server's schema, {view} the view that `npm run report-views -- <schema>` makes.
-- Columns may be added and left out; the first line of the statement has to stay.
create or replace algorithm = merge sql security definer view {view} as
select
  s.id,
  s.type,
  s.name,
  s.business_type,
  s.status,
  s.create_date + interval 8 hour as create_date,
  s.pair,
  s.last_message_id,
  s.last_sender_id,
  s.last_sender_name,
  s.last_content_type,
  case when left(s.last_content, 1) = '"' then json_unquote(s.last_content) else s.last_content end as last_content,
  s.last_message_time + interval 8 hour as last_message_time,
  s.other_message_time + interval 8 hour as other_message_time,
  s.clock_time + interval 8 hour as clock_time,
  s.members_version,
  s.unreplied_topic_id
from {im}.sessions as s
