// One message as a list item: a line in the middle, or a bubble with face, name, time and receipt.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  var el = demo.el;

  function line(message) {
    var kinds = { 0: 'system', 6: 'start', 7: 'end' };
    return el('li', {
      class: 'line line-' + kinds[message.type],
      'data-id': String(message.id),
      children: [
        el('span', { class: 'line-text', text: demo.content.lineText(message) }),
        el('time', { datetime: message.timestamp, text: demo.time.clock(message.timestamp) }),
      ],
    });
  }

  function nameOf(person, mine, people) {
    var role = people.roleOf(person);
    var tag = role && !mine ? el('span', { class: 'role role-' + person.type, text: role }) : null;
    return el('span', { class: 'message-name', children: [mine ? '我' : String(person.name), tag] });
  }

  function bubble(message, mine) {
    var bare = demo.content.isBare(message);
    var tail = message.type === 10 ? el('span', { class: 'bubble-note', text: '咨询结束语' }) : null;
    return el('div', {
      class: 'bubble bubble-' + message.type + (bare ? ' bubble-bare' : '') + (mine ? ' bubble-mine' : ''),
      children: [tail, demo.content.body(message)],
    });
  }

  function shell(person, mine, people, parts) {
    var main = [nameOf(person, mine, people)].concat(parts);
    return el('li', {
      class: 'message ' + (mine ? 'mine' : 'theirs'),
      children: [demo.avatar(person), el('div', { class: 'message-main', children: main })],
    });
  }

  // A stored message. Gives back `{node, receipt}`; `receipt` is where 已读 goes, on messages of one's own.
  function stored(message, people) {
    if (demo.content.isLine(message)) return { node: line(message), receipt: null };
    var mine = message.sender_id === people.me.id;
    var person = people.find(message.sender_id, message.sender_name);
    var receipt = mine ? el('span', { class: 'receipt' }) : null;
    var time = el('time', { datetime: message.timestamp, text: demo.time.clock(message.timestamp) });
    var meta = el('div', { class: 'message-meta', children: [receipt, time] });
    var node = shell(person, mine, people, [bubble(message, mine), meta]);
    node.setAttribute('data-id', String(message.id));
    return { node: node, receipt: receipt };
  }

  // A message that is on its way, or was given up.
  function unsent(entry, people, actions) {
    var failed = entry.state === 'failed';
    var meta = failed
      ? [
          el('span', { class: 'failed-text', children: [demo.icon('warning'), '未发送：' + entry.problem] }),
          el('button', { type: 'button', class: 'link-button', text: '重试', on: { click: actions.retry } }),
          el('button', {
            type: 'button',
            class: 'link-button',
            text: '删除',
            on: { click: actions.discard },
          }),
        ]
      : [el('span', { class: 'spinner', 'aria-hidden': 'true' }), el('span', { text: '发送中…' })];
    var parts = [bubble(entry, true), el('div', { class: 'message-meta', children: meta })];
    var node = shell(people.find(people.me.id, people.me.name), true, people, parts);
    node.classList.add(failed ? 'failed' : 'pending');
    node.setAttribute('data-client-msg-id', entry.client_msg_id);
    return node;
  }

  demo.messageNode = { stored: stored, unsent: unsent };
})(window);
