-- Messages of system sessions (type 0): times in Asia/Shanghai, a text as plain text, anything else as JSON.
-- {im} becomes the server's schema, {view} the view that `npm run report-views -- <schema>` makes.
-- Columns may be added and left out; the first line of the statement has to stay.
create or replace algorithm = merge sql security definer view {view} as
select
  m.id,
  m.session_id,
  m.sender_id,
  m.sender_name,
  m.type,
  case when left(m.content, 1) = '"' then json_unquote(m.content) else m.content end as content,
  m.timestamp + interval 8 hour as timestamp,
  m.client_msg_id,
  m.client_key,
  m.recalled_by,
  m.recalled_time + interval 8 hour as recalled_time,
  m.reply_to,
  m.reply_sender_id,
  m.reply_sender_name,
  m.reply_type
from {im}.system_messages as m
