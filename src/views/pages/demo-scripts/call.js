// Video calls: who rings whom, who answers, and how it ends. Picture and sound are the business of call-peer.js.
(function (window) {
  'use strict';

  var demo = window.IMDemo;
  // Ringing whose end was lost with the connection: the server rings again after a reconnect if it still goes on.
  var STILL_RINGING_MS = 3000;

  var ENDINGS = {
    cancelled: '对方已取消',
    rejected: '对方已拒绝',
    missed: '无人接听',
    completed: '通话已结束',
  };

  // describe(sessionId, userId or null) → {id, name, avatar} to show
  function Calls(client, describe) {
    this._client = client;
    this._describe = describe;
    this._call = null;
    this._listen();
  }

  Calls.prototype._listen = function () {
    var self = this;
    var client = this._client;
    // Only what is said of the call at hand counts.
    var on = function (event, fn) {
      client.on(event, function (data) {
        if (self._call && self._call.id === data.call_id) fn.call(self, data);
      });
    };
    client.on('call_invite', this._invited.bind(this));
    client.on('call_accept', function (data) {
      // The answer to the invitation may still be on its way.
      if (self._call && self._call.role === 'caller' && !self._call.id) self._call.early = data;
    });
    client.on('call_ended', function (data) {
      var theirs = self._call && self._call.theirs;
      if (theirs && theirs.call_id === data.call_id) self._call.theirs = null;
    });
    on('call_accept', this._accepted);
    on('call_signal', function (data) {
      var camera = demo.isObject(data.signal) ? data.signal.camera : undefined;
      if (typeof camera === 'boolean') this._call.view.camera('other', camera);
      else if (this._call.peer) this._call.peer.apply(data.signal);
      else this._call.signals.push(data.signal);
    });
    on('call_taken', function () {
      this._end('已在其他地方接听');
    });
    on('call_ended', function (data) {
      var mine = this._call.role === 'caller' && data.result === 'cancelled';
      this._end(mine ? '已取消' : demo.own(ENDINGS, data.result) || '通话已结束');
    });
    on('error', function (data) {
      if (data.code === 'not_found' || data.request === 'call_accept') this._end('通话已结束');
    });
    client.on('open', this._reconnected.bind(this));
    client.on('close', function () {
      self._end('连接已断开');
    });
    window.addEventListener('pagehide', function () {
      if (self._call && self._call.id) client.callHangup(self._call.id);
    });
  };

  Calls.prototype._begin = function (call) {
    var self = this;
    call.view = new demo.CallView(call.media, {
      accept: this._accept.bind(this),
      reject: function () {
        self._client.callReject(call.id);
        self._end('已拒绝');
      },
      hangup: this._hangup.bind(this),
      send: function (kind, on) {
        demo.callMedia.enable(call.local, kind, on);
        if (kind === 'video') self._sayCamera(call, on);
      },
    });
    call.signals = [];
    this._call = call;
    demo.content.stopVoice();
    call.view.show();
    this.named();
  };

  // To be called when more is known of who takes part: whoever is at the other end bears their name.
  Calls.prototype.named = function () {
    var call = this._call;
    if (!call) return;
    var person = this._describe(call.sessionId, call.other);
    call.view.person(person);
    demo.attention.rename(person.name);
  };

  // The other side's picture goes black, or stands still: it is told why.
  Calls.prototype._sayCamera = function (call, on) {
    call.view.camera('own', on);
    if (call.peer) this._client.callSignal(call.id, { camera: on });
  };

  // ---- Ringing ----------------------------------------------------------------------------------------------

  Calls.prototype.start = function (sessionId) {
    var self = this;
    var call = { role: 'caller', media: 'video', sessionId: sessionId, id: null, other: null };
    if (this._call) return;
    this._begin(call);
    call.view.stage('outgoing');
    call.view.say('正在打开摄像头…');
    this._openMedia(call, function () {
      call.view.say('正在呼叫，等待对方接听…');
      self._client
        .callInvite('video', sessionId)
        .done(function (answer) {
          call.id = answer.call_id;
          call.ice = answer.ice_servers;
          if (self._call !== call) self._client.callCancel(call.id);
          else if (call.early && call.early.call_id === call.id) self._accepted(call.early);
        })
        .fail(function (error) {
          var busy = error.code === 'conflict' ? '这个会话正在通话中' : demo.failureText(error);
          if (self._call === call) self._end(busy);
        });
    });
  };

  Calls.prototype._invited = function (data) {
    if (this._call && this._call.id === data.call_id) {
      this._call.rungAgain = true;
      return;
    }
    // Both sides call at once: this one's own call will find the session busy.
    if (this._call && !this._call.id && this._call.sessionId === data.session_id) {
      this._call.theirs = data;
      return;
    }
    if (this._call) {
      this._client.callReject(data.call_id);
      return;
    }
    var call = {
      role: 'callee',
      media: data.media === 'audio' ? 'audio' : 'video',
      sessionId: data.session_id,
      id: data.call_id,
      other: data.from,
      ice: data.ice_servers,
    };
    this._begin(call);
    call.view.stage('incoming');
    call.view.say(call.media === 'video' ? '邀请您视频通话' : '邀请您语音通话');
    demo.attention.ring(this._describe(data.session_id, data.from).name);
  };

  Calls.prototype._accept = function () {
    var self = this;
    var call = this._call;
    demo.attention.quiet();
    call.view.stage('connecting');
    call.view.say(call.media === 'video' ? '正在打开摄像头…' : '正在打开麦克风…');
    this._openMedia(call, function () {
      call.view.say('正在连接…');
      self._connect(call);
      call.taken = true;
      self._client.callAccept(call.id);
    });
  };

  Calls.prototype._accepted = function (data) {
    var call = this._call;
    call.taken = true;
    call.other = data.user_id;
    this.named();
    call.view.stage('connecting');
    call.view.say('正在连接…');
    this._connect(call);
    call.peer.offer(false);
  };

  Calls.prototype._hangup = function () {
    var call = this._call;
    if (!call) return;
    if (call.id && call.role === 'caller' && !call.taken) this._client.callCancel(call.id);
    else if (call.id) this._client.callHangup(call.id);
    this._end(call.taken ? '通话已结束' : '已取消');
  };

  Calls.prototype._end = function (text) {
    var call = this._call;
    if (!call) return;
    this._call = null;
    demo.attention.quiet();
    clearInterval(call.clock);
    clearTimeout(call.doubt);
    if (call.peer) call.peer.close();
    if (call.local) demo.callMedia.stop(call.local);
    call.view.close();
    if (call.theirs) this._invited(call.theirs);
    else demo.toast(text);
  };

  // ---- Media ------------------------------------------------------------------------------------------------

  Calls.prototype._openMedia = function (call, then) {
    var self = this;
    var opened = function (stream) {
      if (self._call !== call) {
        demo.callMedia.stop(stream);
        return;
      }
      call.local = stream;
      call.view.local.srcObject = stream;
      // What was switched off before there was any.
      demo.callMedia.enable(stream, 'audio', call.view.sends.audio);
      demo.callMedia.enable(stream, 'video', call.view.sends.video);
      demo.callMedia.watchCamera(stream, function () {
        if (self._call !== call) return;
        call.view.withoutCamera();
        if (call.media === 'video') self._sayCamera(call, false);
      });
      then();
    };
    demo.callMedia.open(call.media === 'video', opened, function (text) {
      self._refuse(call, text);
    });
  };

  Calls.prototype._refuse = function (call, text) {
    if (this._call !== call) return;
    if (call.role === 'callee') this._client.callReject(call.id);
    this._end(text);
  };

  Calls.prototype._connect = function (call) {
    var self = this;
    var early = call.signals;
    call.signals = [];
    call.peer = new demo.CallPeer({
      caller: call.role === 'caller',
      ice: call.ice,
      stream: call.local,
      onSignal: function (signal) {
        if (self._call === call) self._client.callSignal(call.id, signal);
      },
      onStream: function (stream) {
        call.view.remote.srcObject = stream;
      },
      onState: function (state) {
        if (self._call !== call) return;
        if (state === 'connected') self._active(call);
        if (state === 'disconnected') call.view.say('网络不稳定，正在恢复…');
      },
      onTrouble: function () {
        call.view.say('连接遇到问题，正在重试…');
      },
    });
    early.forEach(function (signal) {
      call.peer.apply(signal);
    });
  };

  Calls.prototype._active = function (call) {
    var show = function () {
      call.view.say(demo.time.duration((new Date().getTime() - call.since) / 1000));
    };
    if (!call.since) {
      call.since = new Date().getTime();
      call.view.stage('active');
      if (call.media === 'video' && !demo.callMedia.hasPicture(call.local)) this._sayCamera(call, false);
    }
    clearInterval(call.clock);
    call.clock = setInterval(show, 1000);
    show();
  };

  // The server lets this connection take the lost one's place with its first signal.
  Calls.prototype._reconnected = function () {
    var self = this;
    var call = this._call;
    if (!call || !call.id) return;
    if (call.peer) call.peer.renew();
    // Not found, if it has ended meanwhile; while it rings this does nothing.
    else if (call.role === 'caller') this._client.callSignal(call.id, {});
    else if (call.role === 'callee') {
      call.rungAgain = false;
      clearTimeout(call.doubt);
      call.doubt = setTimeout(function () {
        if (self._call === call && !call.rungAgain && !call.taken) self._end('通话已结束');
      }, STILL_RINGING_MS);
    }
  };

  demo.Calls = Calls;
})(window);
