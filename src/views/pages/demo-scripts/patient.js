// The patient's page: one session at a time, as in WeChat.
(function (window) {
  'use strict';

  var document = window.document;
  var demo = window.IMDemo;

  function start(user, token) {
    var rest = new window.IMClient({ token: token, userId: user.id, userType: user.type });
    rest.sessions
      .list({ limit: 200 })
      .done(function (page) {
        var sessions = page.items;
        var chosen = demo.connection.parameter('session') || firstOf(sessions);
        showSessions(sessions, user, chosen);
        if (chosen) talk(user, token, chosen, sessions);
        else demo.connection.banner('还没有会话。');
      })
      .fail(function (error) {
        demo.connection.banner('会话加载失败：' + demo.failureText(error), true);
      });
  }

  // Notices come after the talks, however new they are.
  function firstOf(sessions) {
    var talks = sessions.filter(function (session) {
      return session.type !== 0;
    });
    var first = talks[0] || sessions[0];
    return first ? first.id : '';
  }

  function showSessions(sessions, user, chosen) {
    var picker = document.getElementById('session');
    sessions.forEach(function (session) {
      picker.add(new window.Option(session.name, session.id));
    });
    if (chosen) picker.value = chosen;
    picker.disabled = sessions.length === 0;
    picker.onchange = function () {
      var query = '?user=' + encodeURIComponent(user.id) + '&session=' + encodeURIComponent(picker.value);
      window.location.search = query;
    };
  }

  // In a session of notices only the platform writes, and nobody answers a call.
  function closeWriting() {
    var composer = document.getElementById('composer');
    var hint = demo.el('p', { class: 'composer composer-hint', text: '系统通知，无需回复' });
    if (composer.hidden) return;
    composer.hidden = true;
    document.getElementById('call').hidden = true;
    composer.parentNode.insertBefore(hint, composer);
  }

  function talk(user, token, sessionId, sessions) {
    var client = new window.IMClient({
      token: token,
      userId: user.id,
      userType: user.type,
      sessionId: sessionId,
    });
    var conversation = null;
    var opened = false;
    var resumed = false;
    var outbox = new demo.Outbox(client, {
      onChange: function () {
        conversation.outboxChanged();
      },
      onStored: function (message) {
        if (message.session_id !== sessionId) return;
        conversation.actions.storedNow(message);
        conversation.stored(message);
      },
    });
    var composer = new demo.Composer(document.getElementById('composer'), {
      me: user,
      onSend: function (message) {
        conversation.send(message);
      },
      onFile: function (file, seconds, quote) {
        conversation.sendFile(file, seconds, quote);
      },
      onFind: function () {
        conversation.find();
      },
      onTyping: function (typing) {
        conversation.sayTyping(typing);
      },
    });
    var topicBar = new demo.TopicBar(document.getElementById('topic'), client, composer);
    conversation = new demo.Conversation({
      client: client,
      outbox: outbox,
      composer: composer,
      root: document.getElementById('conversation'),
      me: user,
      sessionId: sessionId,
      onSession: function (session) {
        if (session.type === 0) closeWriting();
        calls.named();
      },
      onRecalled: function (data) {
        conversation.recalled(data);
      },
      onRead: function () {
        demo.attention.mark('');
      },
      onTopic: function (topic, session) {
        topicBar.show(session, topic, conversation.people, function () {
          conversation.history.toNewest();
        });
      },
    });
    var calls = new demo.Calls(client, function (session, userId) {
      if (userId) return conversation.people.find(userId);
      var others = conversation.people.others();
      return others.length === 1
        ? others[0]
        : { id: session, name: conversation.people.titleOf(conversation.session) };
    });

    var openSession = function () {
      opened = true;
      conversation.open().fail(function (error) {
        opened = false;
        demo.connection.banner('会话打不开：' + demo.failureText(error), true);
      });
    };

    demo.connection.watch(client);
    new demo.SessionSwitch({
      client: client,
      user: user,
      token: token,
      sessions: sessions,
      current: sessionId,
    });
    client.on('open', function () {
      if (!resumed) outbox.resume();
      resumed = true;
      if (opened) conversation.refresh();
      else openSession();
      composer.enable(true);
      document.getElementById('call').disabled = false;
    });
    client.on('message', function (data) {
      conversation.message(data.message);
      if (document.hidden) demo.attention.mark('【新消息】');
    });
    client.on('read', function (data) {
      conversation.read(data);
    });
    client.on('recall', function (data) {
      conversation.recalled(data);
    });
    client.on('typing', function (data) {
      conversation.typing(data);
    });
    client.on('topic', function (data) {
      conversation.topicChanged(data.topic);
    });
    client.on('participants', function (data) {
      conversation.participants(data.items);
      calls.named();
    });
    client.on('close', function () {
      composer.enable(false);
      document.getElementById('call').disabled = true;
    });
    document.getElementById('call').onclick = function () {
      if (conversation.session) calls.start(sessionId);
    };
    client.connect();
  }

  function showGuide(shown) {
    document.body.classList.toggle('has-guide', shown);
    document.getElementById('guide-open').setAttribute('aria-expanded', shown ? 'true' : 'false');
    document.getElementById(shown ? 'guide-close' : 'guide-open').focus();
  }

  document.getElementById('guide-open').onclick = function () {
    showGuide(true);
  };
  document.getElementById('guide-close').onclick = function () {
    showGuide(false);
  };
  demo.connection.login('patient', start);
})(window);
