// The doctor's console: all sessions in a list, one of them open. The open one stands in the address (#…), so that the
// browser's way back leads to the list.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;

  function byId(id) {
    return document.getElementById(id);
  }

  function sessionInAddress() {
    try {
      return decodeURIComponent(window.location.hash.slice(1));
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      return '';
    }
  }

  function start(user, token) {
    var client = new window.IMClient({ token: token, userId: user.id, userType: user.type });
    var conversation = null;
    var opened = false;
    var details = new demo.Details(byId('details'), client);
    var phone = byId('phone') ? new demo.Phone(byId('phone'), user, token) : null;
    var current = function (sessionId) {
      return conversation && conversation.sessionId === sessionId ? conversation : null;
    };

    var outbox = new demo.Outbox(client, {
      onChange: function (sessionId) {
        if (current(sessionId)) conversation.outboxChanged();
      },
      onStored: function (message) {
        sessions.message(message, true);
        if (!current(message.session_id)) return;
        conversation.actions.storedNow(message);
        conversation.stored(message);
      },
    });
    var composer = new demo.Composer(byId('composer'), {
      me: user,
      onSend: function (message) {
        if (conversation) conversation.send(message);
      },
      onFile: function (file, seconds, quote) {
        if (conversation) conversation.sendFile(file, seconds, quote);
      },
      onFind: function () {
        if (conversation) conversation.find();
      },
      onTyping: function (typing) {
        if (conversation) conversation.sayTyping(typing);
      },
    });
    var topicBar = new demo.TopicBar(byId('topic'), client, composer);
    var sessions = new demo.SessionList({
      client: client,
      me: user,
      list: byId('sessions'),
      search: byId('search'),
      filters: document.querySelectorAll('[data-filter]'),
      states: document.querySelectorAll('[data-state]'),
      empty: byId('no-sessions'),
      onOpen: function (id) {
        window.location.hash = encodeURIComponent(id);
      },
      onCount: function (unread) {
        demo.attention.mark(unread > 0 ? '(' + unread + ') ' : '');
        if (phone) phone.badge(unread);
      },
      onNames: function () {
        calls.named();
      },
    });
    var calls = new demo.Calls(client, function (sessionId, userId) {
      var session = sessions.get(sessionId);
      var here = current(sessionId);
      var name = session ? sessions.members.titleOf(session) : '会话';
      if (userId && here) return here.people.find(userId);
      return { id: userId || sessionId, name: name };
    });

    var inOrder = demo.inOrder();
    var showReplies = function () {
      var take = inOrder('replies', function (counts) {
        byId('count-waiting').textContent = counts.unreplied;
        byId('count-replied').textContent = counts.replied;
        byId('count-ended').textContent = counts.ended_replied + counts.ended_unreplied;
      });
      client.sessions.replyCount().done(take);
    };

    var recalled = function (data) {
      sessions.refresh(data.session_id);
      if (current(data.session_id)) conversation.recalled(data);
    };

    // On a phone the list and the conversation take turns: whoever used what goes away goes on in what comes.
    var follow = function (from, to) {
      var node = document.activeElement;
      var isHidden = window.getComputedStyle(from).visibility === 'hidden' || from.offsetParent === null;
      if (to && isHidden && from.contains(node)) to.focus();
    };

    var open = function (sessionId) {
      if (current(sessionId)) return;
      var before = conversation ? conversation.sessionId : '';
      if (conversation) conversation.close();
      conversation = null;
      document.body.classList.toggle('has-conversation', sessionId !== '');
      document.body.classList.remove('has-details');
      if (sessionId !== '') follow(document.querySelector('.side'), byId('back'));
      sessions.select(sessionId);
      composer.enable(sessionId !== '');
      if (sessionId === '') {
        follow(byId('conversation'), sessions.button(before));
        return;
      }
      conversation = new demo.Conversation({
        client: client,
        outbox: outbox,
        composer: composer,
        root: byId('conversation'),
        me: user,
        sessionId: sessionId,
        onSession: function (session) {
          if (conversation) details.show(session, conversation.people);
          calls.named();
        },
        onRecalled: recalled,
        onRead: function (id, unread) {
          sessions.unread(id, unread);
        },
        onTopic: function (topic, session) {
          details.topics();
          if (!conversation) return;
          topicBar.show(session, topic, conversation.people, function () {
            if (current(session.id)) conversation.history.toNewest();
          });
        },
      });
      conversation.open().fail(function (error) {
        leave('会话打不开：' + demo.failureText(error));
      });
    };

    // Back to the list, with a word why.
    var leave = function (text) {
      open('');
      window.location.hash = '';
      demo.toast(text);
    };

    var openFromAddress = function () {
      open(sessionInAddress());
    };

    demo.connection.watch(client);
    client.on('open', function () {
      showReplies();
      sessions
        .load()
        .done(function () {
          if (!opened) outbox.resume();
          if (!opened) openFromAddress();
          else if (conversation) conversation.refresh();
          opened = true;
        })
        .fail(function (error) {
          demo.connection.banner('会话加载失败：' + demo.failureText(error), true);
        });
    });
    client.on('message', function (data) {
      var message = data.message;
      var here = current(message.session_id);
      sessions.message(message, here !== null);
      if (phone) phone.message(message);
      if (!here) return;
      here.message(message);
      sessions.unread(message.session_id, here.reading.unread);
      details.alive(message.session_id, message.sender_id);
    });
    client.on('read', function (data) {
      if (current(data.session_id)) conversation.read(data);
      else if (data.user_id === user.id) sessions.recount(data.session_id);
      details.alive(data.session_id, data.user_id);
    });
    client.on('recall', recalled);
    client.on('typing', function (data) {
      if (current(data.session_id)) conversation.typing(data);
      details.alive(data.session_id, data.user_id);
    });
    client.on('topic', function (data) {
      sessions.topicChanged(data.topic);
      showReplies();
      if (current(data.topic.session_id)) conversation.topicChanged(data.topic);
    });
    client.on('participants', function (data) {
      var still = data.items.some(function (item) {
        return item.id === user.id;
      });
      sessions.load();
      if (still) sessions.members.set(data.session_id, data.items);
      if (!current(data.session_id)) return;
      if (still) {
        conversation.participants(data.items);
        calls.named();
        if (conversation.session) details.show(conversation.session, conversation.people);
        return;
      }
      leave('您已不在这个会话中');
    });
    client.on('close', function () {
      composer.enable(false);
    });

    byId('back').onclick = function () {
      window.location.hash = '';
    };
    byId('find').onclick = function () {
      if (conversation) conversation.find();
    };
    byId('call').onclick = function () {
      if (conversation && conversation.session) calls.start(conversation.sessionId);
    };
    byId('show-details').onclick = function () {
      var shown = document.body.classList.toggle('has-details');
      byId('show-details').setAttribute('aria-expanded', shown ? 'true' : 'false');
      if (shown) byId('hide-details').focus();
    };
    var hideDetails = function () {
      document.body.classList.remove('has-details');
      byId('show-details').setAttribute('aria-expanded', 'false');
      byId('show-details').focus();
    };
    byId('hide-details').onclick = hideDetails;
    byId('details').addEventListener('keydown', function (event) {
      if (event.key === 'Escape' && document.body.classList.contains('has-details')) hideDetails();
    });
    window.addEventListener('hashchange', function () {
      if (opened) openFromAddress();
    });
    client.connect();
  }

  demo.connection.login('doctor', start);
})(window);
