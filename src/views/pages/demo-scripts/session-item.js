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

  // The entry of a session, made once: what it says changes inside of its buttons, so that a click or a key that has begun on
  // one is not lost. onOpen(id), onStick(id)
  function SessionItem(id, onOpen, onStick) {
    this._open = el('button', {
      type: 'button',
      class: 'session-open',
      'data-session': id,
      on: {
        click: function () {
          onOpen(id);
        },
      },
    });
    this._pin = demo.iconButton('pin', '', {
      class: 'session-pin',
      click: function () {
        onStick(id);
      },
    });
    this._pin.setAttribute('data-pin', id);
    this.node = el('li', { 'data-key': id, children: [this._open, this._pin] });
  }

  // options: {name, topic (the open one, or null), current (bool)}
  SessionItem.prototype.show = function (session, options) {
    var lines = [titleLine(session, options.name), briefLine(session, options.topic)];
    var label = (session.sticky ? '取消置顶：' : '置顶：') + options.name;
    demo.append(demo.empty(this._open), [
      demo.avatar({ id: session.id, name: options.name }),
      el('span', { class: 'session-text', children: lines }),
    ]);
    if (options.current) this._open.setAttribute('aria-current', 'true');
    else this._open.removeAttribute('aria-current');
    this._pin.setAttribute('aria-label', label);
    this._pin.title = label;
    this.node.className = 'session' + (session.sticky ? ' sticky' : '') + (options.current ? ' current' : '');
  };

  demo.SessionItem = SessionItem;
})(window);
