// A session as an entry of the doctor's list.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;

  function titleLine(session, name) {
    var time = session.last_message_time;
    return el('span', {
      class: 'session-title',
      children: [
        el('span', { class: 'session-name', text: name }),
        time ? el('time', { datetime: time, text: demo.time.brief(time) }) : null,
      ],
    });
  }

  function briefLine(session, topic) {
    var count = session.unread_count;
    var brief = session.last_message_time
      ? demo.content.brief(session.last_content_type, session.last_content)
      : '暂无消息';
    var takenBack = session.last_content === null;
    var inGroup = session.type !== 2 && session.last_content_type !== 0 && !takenBack;
    var sender = inGroup && session.last_sender_name ? session.last_sender_name + '：' : '';
    var counted = count > 99 ? '99+' : String(count);
    return el('span', {
      class: 'session-line',
      children: [
        el('span', { class: 'session-brief', text: sender + brief }),
        topic ? demo.topics.badge(topic) : null,
        count ? el('span', { class: 'unread', 'aria-label': count + '条未读', text: counted }) : null,
      ],
    });
  }

  // options: {name, topic (the open one, or null), current (bool), onOpen(id), onStick()}
  function sessionItem(session, options) {
    var lines = [titleLine(session, options.name), briefLine(session, options.topic)];
    var open = el('button', {
      type: 'button',
      class: 'session-open',
      'data-session': session.id,
      'aria-current': options.current ? 'true' : null,
      children: [
        demo.avatar({ id: session.id, name: options.name }),
        el('span', { class: 'session-text', children: lines }),
      ],
      on: {
        click: function () {
          options.onOpen(session.id);
        },
      },
    });
    var label = (session.sticky ? '取消置顶：' : '置顶：') + options.name;
    var pin = demo.iconButton('pin', label, { class: 'session-pin', click: options.onStick });
    pin.setAttribute('data-pin', session.id);
    var kind = 'session' + (session.sticky ? ' sticky' : '') + (options.current ? ' current' : '');
    return el('li', { class: kind, 'data-key': session.id, children: [open, pin] });
  }

  demo.sessionItem = sessionItem;
})(window);
