// 查找聊天记录: what was said in a session that holds some words, newest first. Each hit leads to its place.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;
  var el = demo.el;
  var PAGE = 20;
  var WAIT_MS = 300;
  // This much of a text is shown before the first hit in it.
  var BEFORE = 14;

  // `text` as nodes, with every `words` in it marked. The server compares ASCII letters without case, and so does this.
  function marked(text, words) {
    var nodes = [];
    var low = text.toLowerCase();
    var wanted = words.toLowerCase();
    var first = low.indexOf(wanted);
    var rest = first > BEFORE ? first - BEFORE : 0;
    if (rest > 0) nodes.push('…');
    // Letters exist that are longer in small: then nothing can be told of the places.
    for (var at = low.length === text.length ? first : -1; at >= 0; at = low.indexOf(wanted, rest)) {
      nodes.push(text.slice(rest, at), el('mark', { text: text.substr(at, words.length) }));
      rest = at + words.length;
    }
    nodes.push(text.slice(rest, rest + 80));
    return nodes;
  }

  function textOf(message) {
    var content = message.content;
    if (message.type === 0 || !demo.isObject(content)) return demo.content.brief(message.type, content);
    return [content.title, content.summary, content.text]
      .filter(function (each) {
        return typeof each === 'string';
      })
      .join(' ');
  }

  function item(message, words, go) {
    var time = el('time', { datetime: message.timestamp, text: demo.time.brief(message.timestamp) });
    var sender = el('span', { class: 'hit-sender', text: String(message.sender_name) });
    var button = el('button', {
      type: 'button',
      class: 'hit',
      children: [
        el('span', { class: 'hit-head', children: [sender, time] }),
        el('span', { class: 'hit-text', children: marked(textOf(message), words) }),
      ],
      on: {
        click: function () {
          go(message.id);
        },
      },
    });
    return el('li', { children: [button] });
  }

  // onGo(id): the reader wants to see that message.
  function open(client, sessionId, onGo) {
    var input = el('input', {
      type: 'search',
      id: 'find-words',
      maxlength: '100',
      placeholder: '输入要找的文字',
      autocomplete: 'off',
      enterkeyhint: 'search',
    });
    var label = el('label', { class: 'visually-hidden', for: 'find-words', text: '要找的文字' });
    var list = el('ul', { class: 'hits' });
    var state = el('p', { class: 'hits-state', role: 'status' });
    var more = el('button', { type: 'button', class: 'link-button', text: '更早的结果', hidden: true });
    var record = el('div', { class: 'record', children: [list, more] });
    var close = demo.dialog.show('查找聊天记录', [label, input, state, record]);
    // Answers to what is no longer asked come to nothing.
    var asked = 0;
    var timer = null;
    var go = function (id) {
      close();
      onGo(id);
    };
    var load = function (words, before) {
      var turn = ++asked;
      state.textContent = '正在查找…';
      client.sessions
        .searchMessages(sessionId, { q: words, limit: PAGE, before: before })
        .done(function (page) {
          if (turn !== asked) return;
          var isAsked = document.activeElement === more;
          var nodes = page.items.map(function (message) {
            return item(message, words, go);
          });
          demo.append(list, nodes);
          if (isAsked && nodes[0]) nodes[0].querySelector('button').focus();
          more.hidden = page.next === null || list.children.length === 0;
          var count = list.children.length;
          // Nothing in what was looked through so far: what is older comes by itself.
          if (count === 0 && page.next !== null) return load(words, page.next);
          state.textContent =
            count === 0 ? '没有找到' : '找到' + count + '条' + (page.next ? '，还有更早的' : '');
          more.onclick = function () {
            load(words, page.next);
          };
        })
        .fail(function (error) {
          if (turn === asked) state.textContent = demo.failureText(error);
        });
    };
    var search = function () {
      var words = input.value.trim();
      clearTimeout(timer);
      asked += 1;
      if (record.contains(document.activeElement)) input.focus();
      demo.empty(list);
      more.hidden = true;
      state.textContent = '';
      if (words !== '') load(words, undefined);
    };
    input.oninput = function () {
      clearTimeout(timer);
      timer = setTimeout(search, WAIT_MS);
    };
    input.onkeydown = function (event) {
      if (event.key === 'Enter' && !event.isComposing) search();
    };
    input.focus();
  }

  demo.finder = { open: open };
})(window);
