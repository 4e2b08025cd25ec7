/*
 * IMClient: the browser SDK of the IM server. Plain ES5 for the browsers inside WeChat; needs jQuery 1.12 or
 * later on the page before it, for its promises (Deferred). Its documentation is doc/sdk.md, its types are
 * im.client.d.ts.
 *
 * What it promises: over any number of lost connections each message of others arrives once, in the order of
 * ids, and each message the page sends is stored once.
 */
(function (window) {
  'use strict';

  var document = window.document;
  var $ = window.jQuery;

  var API = '/api/v2';
  // How the server's own addresses of files begin, where they are relative.
  var FILES = API + '/files/';
  var REST_TIMEOUT_MS = 30000;
  // Without a byte that went out or an answer: the server may pass a video on meanwhile.
  var UPLOAD_SILENCE_MS = 120000;

  // Between two attempts to connect, and between two attempts at a request that the server could not serve
  // just now.
  var BACKOFF_MIN_MS = 500;
  var BACKOFF_MAX_MS = 30000;

  // From the handshake's start to login_ok. The server gives a socket 10 s to log in.
  var LOGIN_TIMEOUT_MS = 15000;
  // The server answers or refuses within 10 s; an answer this late was lost, and the connection with it.
  var ANSWER_TIMEOUT_MS = 30000;
  // How long a ping may stay unanswered: in the ordinary beat, and when the page has just come back.
  var PONG_TIMEOUT_MS = 10000;
  var WAKE_PONG_TIMEOUT_MS = 5000;
  // A handshake that was under way when the page came back may hang in a network that is gone.
  var STALE_HANDSHAKE_MS = 3000;

  // A server that was never reached is told of as an error after so many tries.
  var TRIES_BEFORE_ERROR = 4;

  var ACK_DELAY_MS = 200;
  var SYNC_PAGE = 200;
  // An unbound doctor may be behind in hundreds of sessions.
  var SYNCS_AT_ONCE = 4;
  // Own messages above the last id seen: with more of them the client syncs, so that neither they nor the
  // next resync grow.
  var OWN_AHEAD_MAX = 100;
  // The server closes on larger frames (1009), and would do so again at every repeat.
  var FRAME_MAX_BYTES = 65536;
  // What is said in a call while the connection is away is worth sending for as long as the server keeps the
  // call (15 s).
  var CALL_FRAME_LIFE_MS = 15000;
  // A read this long before a pong has been worked off.
  var READ_SETTLED_MS = 15000;

  // States of the connection.
  var IDLE = 'idle';
  var CONNECTING = 'connecting';
  var OPEN = 'open';
  var WAITING = 'waiting';
  var CLOSED = 'closed';

  // Closes that no repeat can cure, and the error codes that say the same.
  var FATAL = { 4400: 'validation_failed', 4401: 'unauthenticated', 4404: 'not_found' };
  var FATAL_CLOSE = { validation_failed: 4400, unauthenticated: 4401, not_found: 4404 };

  // Answers after which the same request may succeed later.
  var TRANSIENT = { rate_limited: true, unavailable: true, internal: true };

  var CODE_OF_STATUS = {
    400: 'validation_failed',
    401: 'unauthenticated',
    403: 'forbidden',
    404: 'not_found',
    405: 'method_not_allowed',
    409: 'conflict',
    413: 'payload_too_large',
    415: 'unsupported_media_type',
    429: 'rate_limited',
    0: 'unavailable',
    502: 'unavailable',
    503: 'unavailable',
    504: 'unavailable',
  };

  // ---- Small parts ----------------------------------------------------------------------------------------

  function now() {
    return new Date().getTime();
  }

  // Ids come from outside, and `__proto__` is a valid one: as keys of an object they carry a prefix.
  function key(id) {
    return ':' + id;
  }

  function isObject(value) {
    return typeof value === 'object' && value !== null && !(value instanceof Array);
  }

  function copy(value) {
    return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  }

  function parse(text) {
    try {
      return JSON.parse(text);
      // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
    } catch (error) {
      return undefined;
    }
  }

  function byId(a, b) {
    return a.id - b.id;
  }

  // Runs the page's code. What it throws is the page's: it goes to window.onerror, and not through the middle
  // of ours.
  function safely(fn) {
    try {
      fn();
    } catch (error) {
      setTimeout(function () {
        throw error;
      }, 0);
    }
  }

  // In jQuery before 3 (and for done and fail in every version) the page's callbacks run, and throw, inside
  // resolve and reject.
  function resolve(deferred, value) {
    safely(function () {
      deferred.resolve(value);
    });
  }

  function reject(deferred, error) {
    safely(function () {
      deferred.reject(error);
    });
  }

  function rejected(error) {
    return $.Deferred().reject(error).promise();
  }

  // 0.5 s doubling to 30 s, each time between half and one and a half of it: clients that lost one server do
  // not come back as one.
  function backoff(attempt) {
    var step = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * Math.pow(2, attempt));
    return Math.min(BACKOFF_MAX_MS, Math.round(step * (0.5 + Math.random())));
  }

  // 128 random bits in hexadecimal; a browser without crypto gets the time beside weaker ones.
  function randomId() {
    var source = window.crypto || window.msCrypto;
    var strong = !!(source && source.getRandomValues && window.Uint8Array);
    var bytes = strong ? source.getRandomValues(new Uint8Array(16)) : [];
    var text = strong ? '' : now().toString(16) + '-';
    for (var i = 0; i < 16; i++) {
      text += (256 + (strong ? bytes[i] : Math.floor(Math.random() * 256))).toString(16).slice(1);
    }
    return text;
  }

  // The bytes that `text` takes on the wire. Half a surrogate pair is sent as U+FFFD, three bytes.
  function utf8Length(text) {
    var bytes = 0;
    for (var i = 0; i < text.length; i++) {
      var unit = text.charCodeAt(i);
      var next = text.charCodeAt(i + 1);
      if (unit < 0x80) bytes += 1;
      else if (unit < 0x800) bytes += 2;
      else if (unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
        bytes += 4;
        i++;
      } else bytes += 3;
    }
    return bytes;
  }

  function frameOf(type, data, ref) {
    return JSON.stringify({ type: type, data: data, ref: ref });
  }

  function tooLarge(type, data) {
    return utf8Length(frameOf(type, data, '0123456789abcdef')) > FRAME_MAX_BYTES;
  }

  // An error of the client's own making, in the form of the server's.
  function failure(code, detail, status, errors) {
    var error = { status: status || 0, code: code, detail: detail };
    if (errors) error.errors = errors;
    return error;
  }

  function missing(parameter) {
    var fault = { path: parameter, message: 'is required' };
    return failure('validation_failed', parameter + ': is required.', 400, [fault]);
  }

  function payloadTooLarge() {
    return failure('payload_too_large', 'A frame may have 64 KiB at most.', 413);
  }

  // `baseUrl` made absolute, as links on the page would be; without one: the page's own host. One that names the API's
  // path, too, means the same.
  function absolute(baseUrl) {
    var link = document.createElement('a');
    link.href = baseUrl || window.location.protocol + '//' + window.location.host;
    var end = link.href.search(/[?#]/);
    var base = end === -1 ? link.href : link.href.slice(0, end);
    while (base.charAt(base.length - 1) === '/') base = base.slice(0, -1);
    var at = base.length - API.length;
    if (at > 0 && base.slice(at) === API) base = base.slice(0, at);
    return base;
  }

  // ---- The client -----------------------------------------------------------------------------------------

  function IMClient(options) {
    if (!(this instanceof IMClient)) return new IMClient(options);
    $ = $ || window.jQuery;
    if (!$ || !$.Deferred) throw new Error('IMClient needs jQuery with Deferred on the page before it.');
    var given = options || {};
    this.baseUrl = absolute(given.baseUrl);
    this.userId = given.userId;
    this.userType = given.userType;
    // Null: an unbound doctor, who hears all sessions.
    this.sessionId = given.sessionId || null;
    this._token = given.token;

    this._handlers = {};
    this._state = IDLE;
    this._socket = null;
    this._requests = {};
    this._lastRef = 0;
    this._attempt = 0;
    this._lastDelay = 0;
    this._openedAt = 0;

    // Receiving: a track a session that this client listens to.
    this._tracks = {};
    this._loggedInOnce = false;
    this._syncQueue = [];
    this._syncsRunning = 0;

    // Sending: what has no answer yet, in the order of the page's calls.
    this._outbox = [];
    this._inFlight = null;
    this._sendAttempt = 0;

    // Takings back that have no answer yet, and what is known to be taken back: by session, then by message.
    this._recalls = [];
    this._recalled = {};

    this._reads = {};
    this._callFrames = [];
    this._timers = {};

    var self = this;
    this._wake = function (event) {
      if (event.type === 'visibilitychange' && document.hidden) return;
      if (!document.hidden) self._ackSoon();
      self._cameBack();
    };
    this.application = group(this, ROUTES.application);
    this.users = group(this, ROUTES.users);
    this.sessions = group(this, ROUTES.sessions);
  }

  IMClient.version = '2.0.0';

  // One timer a purpose: setting it again replaces it.
  IMClient.prototype._after = function (purpose, delay, fn) {
    var self = this;
    this._cancel(purpose);
    this._timers[purpose] = setTimeout(function () {
      delete self._timers[purpose];
      fn.call(self);
    }, delay);
  };

  IMClient.prototype._cancel = function (purpose) {
    clearTimeout(this._timers[purpose]);
    delete this._timers[purpose];
  };

  var EVENT_NAMES =
    /^(open|message|notification|read|recall|typing|topic|topic_overdue|participants|reconnecting|close|error|pending|failed|call_(invite|accept|taken|signal|reject|cancel|hangup|ended))$/;

  // ---- Events ---------------------------------------------------------------------------------------------

  IMClient.prototype.on = function (event, fn) {
    if (typeof fn !== 'function') throw new TypeError('IMClient.on: the handler must be a function.');
    // A mistyped name would never be heard of.
    if (!EVENT_NAMES.test(event)) throw new TypeError('IMClient.on: there is no event "' + event + '".');
    // A new list each time: an emission under way goes on over the old one.
    this._handlers[key(event)] = this._listeners(event).concat([fn]);
    return this;
  };

  IMClient.prototype.off = function (event, fn) {
    this._handlers[key(event)] = this._listeners(event).filter(function (known) {
      return fn !== undefined && known !== fn;
    });
    return this;
  };

  IMClient.prototype._listeners = function (event) {
    return this._handlers[key(event)] || [];
  };

  IMClient.prototype._emit = function (event, data) {
    this._listeners(event).forEach(function (fn) {
      safely(function () {
        fn(data);
      });
    });
  };

  // ---- REST -----------------------------------------------------------------------------------------------

  // Each method takes its path's parameters in the path's order, then one object: the query of GET and
  // DELETE, the body of POST and PUT. Of two paths the number of parameters given picks one.
  var ROUTES = {
    application: {
      badgeNo: ['GET /application/badge_no'],
    },
    users: {
      login: ['POST /users/login'],
      logout: ['POST /users/logout'],
      get: ['GET /users/:user_id'],
      status: ['GET /users/:user_id/status'],
      setStatus: ['PUT /users/:user_id/status'],
      consultTime: ['GET /users/:user_id/consult/time'],
      devices: ['GET /users/:user_id/devices'],
      removeDevice: ['DELETE /users/:user_id/devices/:client_id'],
    },
    sessions: {
      create: ['POST /sessions'],
      get: ['GET /sessions/:session_id/session'],
      list: ['GET /sessions'],
      recent: ['GET /sessions/recent'],
      stick: ['PUT /sessions/:session_id/sticky'],
      unstick: ['DELETE /sessions/:session_id/sticky'],
      setStatus: ['PUT /sessions/:session_id/status'],
      startTopic: ['POST /sessions/:topic_id/topics'],
      topic: ['GET /sessions/topics/:topic_id'],
      updateTopic: ['PUT /sessions/topics/:topic_id'],
      topicEnded: ['GET /sessions/:session_id/topics/:topic_id/ended'],
      endTopic: ['PUT /sessions/:session_id/topics/:topic_id/ended'],
      topics: ['GET /sessions/topics'],
      replyCount: ['GET /sessions/topics/count/reply'],
      topicStatistics: ['GET /sessions/topics/statistics'],
      topicMessages: [
        'GET /sessions/topic/:topic_id/messages',
        'GET /sessions/:session_id/topics/:topic_id/messages',
      ],
      messages: ['GET /sessions/:session_id/messages'],
      message: ['GET /sessions/:session_id/messages/:message_id'],
      send: ['POST /sessions/:session_id/messages'],
      recallMessage: ['DELETE /sessions/:session_id/messages/:message_id'],
      recalls: ['GET /sessions/:session_id/recalls'],
      searchMessages: ['GET /sessions/:session_id/messages/search'],
      unreadMessages: ['GET /sessions/:session_id/messages/unread'],
      unreadCount: ['GET /sessions/:session_id/unread_message_count'],
      unreadCounts: ['GET /sessions/unread_message_count'],
      participants: ['GET /sessions/:session_id/participants'],
      addParticipants: ['POST /sessions/:session_id/participants'],
      updateParticipants: ['PUT /sessions/:session_id/participant/update'],
      participant: ['GET /sessions/:session_id/participants/:participant_id'],
      setParticipant: ['PUT /sessions/:session_id/participants/:participant_id'],
      removeParticipant: ['DELETE /sessions/:session_id/participants/:participant_id'],
      avatars: ['GET /sessions/:session_id/participants/avatars'],
      avatar: ['GET /sessions/:session_id/participants/:participant_id/avatars'],
    },
  };

  function parametersOf(route) {
    return route.match(/:\w+/g) || [];
  }

  function group(client, routes) {
    var methods = {};
    Object.keys(routes).forEach(function (name) {
      methods[name] = function () {
        return client._call(routes[name], Array.prototype.slice.call(arguments));
      };
    });
    return methods;
  }

  IMClient.prototype._call = function (routes, args) {
    var given = 0;
    while (given < args.length && !isObject(args[given]) && args[given] !== undefined) given++;
    var route = routes.filter(function (candidate) {
      return parametersOf(candidate).length === given;
    })[0];
    route = route || routes[0];
    var parameters = parametersOf(route);
    var path = route.split(' ')[1];
    for (var i = 0; i < parameters.length; i++) {
      var name = parameters[i].slice(1);
      if (args[i] === undefined || args[i] === null || args[i] === '' || isObject(args[i])) {
        return rejected(missing(name));
      }
      // The browser would resolve dots as steps in the path, and encodeURIComponent throws on half a
      // surrogate pair.
      if (/^\.+$/.test(args[i]) || /[\ud800-\udfff]/.test(args[i])) {
        return rejected(failure('not_found', name + ': there is no such id.', 404));
      }
      path = path.replace(parameters[i], encodeURIComponent(args[i]));
    }
    var input = args[parameters.length];
    var base = this.baseUrl;
    // Registered before any handler of the page's, so it has run when those do.
    return this._request(route.split(' ')[0], path, isObject(input) ? input : {}).done(function (answer) {
      makeAbsolute(answer, base);
    });
  };

  // Without $.ajax: what the page sets there ($.ajaxSetup, prefilters, global handlers) is meant for its own
  // requests.
  IMClient.prototype._request = function (method, path, input) {
    var deferred = $.Deferred();
    var hasBody = method === 'POST' || method === 'PUT';
    var headers = { Accept: 'application/json, application/problem+json' };
    // A login is for who has no token yet, or an old one.
    if (this._token && path !== '/users/login') headers.Authorization = 'Bearer ' + this._token;
    if (hasBody) headers['Content-Type'] = 'application/json; charset=utf-8';
    var xhr = new window.XMLHttpRequest();
    // Comes after an answer as after an error or a timeout: then the status is 0.
    xhr.onreadystatechange = function () {
      if (xhr.readyState !== 4) return;
      var text = xhr.responseText;
      var body = text ? parse(text) : undefined;
      if (xhr.status < 200 || xhr.status >= 300) reject(deferred, problemOf(xhr));
      else if (text && body === undefined) reject(deferred, failure('internal', 'The answer is not JSON.'));
      else resolve(deferred, body);
    };
    try {
      xhr.open(method, this.baseUrl + API + path + (hasBody ? '' : queryString(input)));
      xhr.timeout = REST_TIMEOUT_MS;
      Object.keys(headers).forEach(function (name) {
        xhr.setRequestHeader(name, headers[name]);
      });
      xhr.send(hasBody ? JSON.stringify(input) : null);
    } catch (error) {
      // A token that no header can hold, for one.
      reject(deferred, failure('unavailable', 'The request could not be sent: ' + error.message));
    }
    return deferred.promise();
  };

  function queryString(input) {
    var pairs = [];
    Object.keys(input).forEach(function (name) {
      var value = input[name];
      if (value === undefined || value === null) return;
      pairs.push(encodeURIComponent(name) + '=' + encodeURIComponent(value));
    });
    return pairs.length > 0 ? '?' + pairs.join('&') : '';
  }

  // The server's problem JSON; for an answer that is none (a proxy's page, or no answer at all) one in its
  // form.
  function problemOf(xhr) {
    var body = parse(xhr.responseText);
    var status = xhr.status || 0;
    if (isObject(body) && typeof body.code === 'string') {
      if (body.status === undefined) body.status = status;
      return body;
    }
    var code = CODE_OF_STATUS[status] || (status < 500 ? 'validation_failed' : 'internal');
    var heard = status === 0 ? 'did not answer.' : 'answered with status ' + status + '.';
    var problem = failure(code, 'The server ' + heard, status);
    var requestId = status === 0 ? null : xhr.getResponseHeader('X-Request-Id');
    if (requestId) problem.request_id = requestId;
    return problem;
  }

  // ---- Files ----------------------------------------------------------------------------------------------

  // Puts the server's address before the relative ones of its files, in contents of messages (also in copies)
  // and in a file itself.
  function makeAbsolute(value, baseUrl) {
    if (typeof value !== 'object' || value === null) return;
    Object.keys(value).forEach(function (name) {
      if (typeof value[name] === 'object') makeAbsolute(value[name], baseUrl);
    });
    if (typeof value.file_id !== 'string' && typeof value.mime !== 'string') return;
    ['url', 'thumbnail', 'cover'].forEach(function (name) {
      if (typeof value[name] === 'string' && value[name].indexOf(FILES) === 0)
        value[name] = baseUrl.replace(/\/api\/v2$/, '') + value[name];
    });
  }

  // Uploads a File or Blob; a promise of the file, whose id a message's `file_id` names. It has `abort()`. An
  // upload that breaks off is over: the page shows it, and asks for another one.
  IMClient.prototype.upload = function (file, options) {
    var deferred = $.Deferred();
    var baseUrl = this.baseUrl;
    var onProgress = options && options.onProgress;
    var xhr = new window.XMLHttpRequest();
    var promise = deferred.promise({
      abort: function () {
        reject(deferred, failure('aborted', 'The upload was ended.', 0));
        xhr.abort();
      },
    });
    if (!file || typeof file.size !== 'number') {
      reject(deferred, missing('file'));
      return promise;
    }
    // It takes as long as it takes, while it goes on.
    var silence;
    var goesOn = function () {
      clearTimeout(silence);
      silence = setTimeout(function () {
        reject(deferred, failure('unavailable', 'The server did not answer.'));
        xhr.abort();
      }, UPLOAD_SILENCE_MS);
    };
    xhr.upload.onprogress = function (event) {
      goesOn();
      if (!onProgress) return;
      safely(function () {
        // The body is a little longer than the file.
        onProgress(Math.min(event.loaded, file.size), file.size);
      });
    };
    xhr.onloadend = function () {
      clearTimeout(silence);
      var body = xhr.status === 201 ? parse(xhr.responseText) : undefined;
      if (!body) return reject(deferred, problemOf(xhr));
      makeAbsolute(body, baseUrl);
      resolve(deferred, body);
    };
    try {
      var form = new window.FormData();
      // What was recorded has no name; the server finds one.
      form.append('file', file, file.name || '');
      xhr.open('POST', baseUrl.replace(/\/api\/v2$/, '') + API + '/files');
      xhr.setRequestHeader('Accept', 'application/json, application/problem+json');
      if (this._token) xhr.setRequestHeader('Authorization', 'Bearer ' + this._token);
      xhr.send(form);
      goesOn();
    } catch (error) {
      // No file, or a token that no header can hold.
      reject(deferred, failure('unavailable', 'The file could not be sent: ' + error.message));
    }
    return promise;
  };

  // ---- The connection -------------------------------------------------------------------------------------

  // A new token, also after the old one ended the connection (4401): then it connects again.
  IMClient.prototype.setToken = function (token) {
    this._token = token;
    if (this._state === CLOSED && this._refusedToken) this.connect();
  };

  IMClient.prototype.connect = function () {
    if (this._state !== IDLE && this._state !== CLOSED) return this;
    document.addEventListener('visibilitychange', this._wake, false);
    window.addEventListener('pageshow', this._wake, false);
    window.addEventListener('online', this._wake, false);
    this._attempt = 0;
    this._dial();
    return this;
  };

  IMClient.prototype.close = function () {
    if (this._state !== CLOSED) this._end(1000, 'closed by the page', null);
    return this;
  };

  IMClient.prototype._dial = function () {
    var self = this;
    var socket;
    this._cancel('reconnect');
    this._state = CONNECTING;
    this._dialledAt = now();
    this._early = [];
    try {
      socket = new window.WebSocket(this.baseUrl.replace(/^http/, 'ws') + '/ws');
    } catch (error) {
      // An https page may not open ws:, for one.
      this._emit('error', failure('unavailable', 'The socket could not be made: ' + error.message));
      if (this._state === CONNECTING) this._lost(1006, String(error.message));
      return;
    }
    this._socket = socket;
    // A socket that was given up may still speak; only the current one is heard.
    socket.onopen = function () {
      if (self._socket !== socket) return;
      self._write('login', {
        token: self._token,
        session_id: self.sessionId || undefined,
        user_type: self.userType,
      });
    };
    socket.onmessage = function (event) {
      if (self._socket === socket) self._heard(event.data);
    };
    socket.onclose = function (event) {
      if (self._socket === socket) self._lost(event.code, event.reason);
    };
    this._after('login', LOGIN_TIMEOUT_MS, function () {
      this._lost(1006, 'no answer to the login');
    });
  };

  // Leaves the socket, whatever its state, and forgets all that belonged to it alone.
  IMClient.prototype._abandon = function () {
    var socket = this._socket;
    var requests = this._requests;
    var self = this;
    this._socket = null;
    this._requests = {};
    this._inFlight = null;
    this._syncQueue = [];
    this._syncsRunning = 0;
    ['login', 'beat', 'pong', 'ack', 'send', 'reads', 'recalls', 'reconnect'].forEach(function (purpose) {
      self._cancel(purpose);
    });
    this._eachTrack(function (track) {
      self._cancel('sync' + key(track.sessionId));
      // What waited here lies above `seen`: the next sync brings it again.
      track.syncing = false;
      track.buffer = [];
      track.recallBuffer = [];
      // The last acknowledgement may not have arrived.
      track.acked = track.start;
    });
    if (socket) socket.close(1000);
    Object.keys(requests).forEach(function (ref) {
      if (requests[ref].lost) requests[ref].lost();
    });
  };

  IMClient.prototype._lost = function (code, reason) {
    // A connection that lived longer than the wait before it was a good one: the next wait is short again.
    if (this._openedAt && now() - this._openedAt > this._lastDelay) this._attempt = 0;
    this._openedAt = 0;
    this._state = WAITING;
    this._abandon();
    // What the page does on hearing of a lost call may end it all.
    if (this._state !== WAITING) return;
    if (FATAL[code]) {
      this._end(code, reason, failure(FATAL[code], reason || 'The server ended the connection.'));
      return;
    }
    this._lastDelay = backoff(this._attempt);
    this._attempt++;
    this._after('reconnect', this._lastDelay, this._dial);
    this._emit('reconnecting', {
      attempt: this._attempt,
      delay_ms: this._lastDelay,
      code: code,
      reason: reason || '',
    });
    // Maybe the address is wrong: the page is told, and the client goes on.
    if (!this._loggedInOnce && this._attempt === TRIES_BEFORE_ERROR) {
      this._emit('error', failure('unavailable', 'No IM server answers at ' + this.baseUrl + '; trying on.'));
    }
    if (this._outbox.length > 0) this._emitPending();
  };

  // For good: by close(), or by what no repeat cures; then `error` says why.
  IMClient.prototype._end = function (code, reason, error) {
    var self = this;
    var left = this._outbox;
    var recalls = this._recalls;
    this._state = CLOSED;
    this._refusedToken = code === 4401;
    this._openedAt = 0;
    document.removeEventListener('visibilitychange', this._wake, false);
    window.removeEventListener('pageshow', this._wake, false);
    window.removeEventListener('online', this._wake, false);
    this._outbox = [];
    this._recalls = [];
    this._callFrames = [];
    this._abandon();
    if (error) this._emit('error', error);
    var closed = error || failure('closed', 'The client was closed before the server answered.');
    recalls.forEach(function (entry) {
      reject(entry.deferred, closed);
    });
    left.forEach(function (entry) {
      self._fail(entry, closed);
    });
    if (left.length > 0) this._emitPending();
    this._emit('close', { code: code, reason: reason || '' });
  };

  // The page is visible or online again: timers may have slept, and an open connection may be none.
  IMClient.prototype._cameBack = function () {
    if (this._state === WAITING) this._dial();
    else if (this._state === OPEN) this._probe(WAKE_PONG_TIMEOUT_MS);
    else if (this._state === CONNECTING && now() - this._dialledAt > STALE_HANDSHAKE_MS) {
      this._abandon();
      this._dial();
    }
  };

  // A connection can be dead without a sign: pings find out, and keep the ways between open.
  IMClient.prototype._beat = function () {
    var requests = this._requests;
    var late = Object.keys(requests).filter(function (ref) {
      return now() - requests[ref].at > ANSWER_TIMEOUT_MS;
    });
    var unanswered = late.some(function (ref) {
      return requests[ref].ok !== undefined;
    });
    if (unanswered) {
      this._lost(1006, 'no answer to a request');
      return;
    }
    // Of the rest no news is good news: they are only answered when they fail.
    late.forEach(function (ref) {
      delete requests[ref];
    });
    this._probe(PONG_TIMEOUT_MS);
    this._after('beat', this._beatInterval, this._beat);
  };

  IMClient.prototype._probe = function (patience) {
    this._write('ping', {});
    // A deadline that runs already stays.
    if (this._timers.pong !== undefined) return;
    this._after('pong', patience, function () {
      this._lost(1006, 'no answer to a ping');
    });
  };

  // ---- Frames ---------------------------------------------------------------------------------------------

  IMClient.prototype._write = function (type, data, ref) {
    this._socket.send(frameOf(type, data, ref));
  };

  // A request: `ok` gets the answer's data (without an `ok` there is no answer but an error), `fail` the
  // error's; `lost` is told of a connection that went before either.
  IMClient.prototype._ask = function (type, data, answer) {
    var ref = String(++this._lastRef);
    answer.at = now();
    this._requests[ref] = answer;
    this._write(type, data, ref);
  };

  IMClient.prototype._heard = function (text) {
    var frame = parse(text);
    this._cancel('pong');
    if (text.indexOf(FILES) >= 0) makeAbsolute(frame, this.baseUrl);
    if (!isObject(frame) || typeof frame.type !== 'string') return;
    var data = isObject(frame.data) ? frame.data : {};
    if (this._state === OPEN) this._dispatch(frame.type, data, frame.ref);
    else if (frame.type === 'login_ok') this._loggedIn(data);
    else if (frame.type === 'error') this._loginRefused(data);
    // Pushed between the server's registering this socket and its login_ok.
    else this._early.push([frame.type, data, frame.ref]);
  };

  IMClient.prototype._dispatch = function (type, data, ref) {
    var request = ref === undefined ? undefined : this._requests[ref];
    if (request) delete this._requests[ref];
    if (type === 'message_ok') this._ownStored(data.message);
    if (request) {
      if (type !== 'error') {
        if (request.ok) request.ok(data);
      } else if (request.fail) request.fail(data);
      else this._emit('error', data);
      return;
    }
    if (type === 'message') this._live(data.message);
    else if (type === 'recall') this._recallLive(data);
    else if (type === 'pong') this._forgetSettledReads();
    else if (EVENTS[type] || /^call_/.test(type)) this._emit(type, data);
  };

  // Frames that are handed to the page as they are; others that this version does not know are passed over.
  var EVENTS = {
    error: true,
    notification: true,
    read: true,
    typing: true,
    topic: true,
    topic_overdue: true,
    participants: true,
  };

  // ---- Login ----------------------------------------------------------------------------------------------

  IMClient.prototype._loggedIn = function (data) {
    var self = this;
    var socket = this._socket;
    var early = this._early;
    var heads = this.sessionId ? [data] : data.sessions || [];
    this._cancel('login');
    this._state = OPEN;
    this._openedAt = now();
    this.userId = data.user_id || this.userId;
    this._beatInterval = Math.max(1000, data.heartbeat_interval_ms || BACKOFF_MAX_MS);
    this._after('beat', this._beatInterval, this._beat);

    this._aim(heads);
    this._ackSoon();
    this._sendReads();
    this._sendRecalls();
    this._sendCallFrames();
    this._flush();
    this._emit('open', data);
    early.forEach(function (frame) {
      if (self._socket === socket) self._dispatch.apply(self, frame);
    });
  };

  IMClient.prototype._loginRefused = function (error) {
    var code = FATAL_CLOSE[error.code];
    // The error decides, not the close code after it: proxies on the way turn those into 1006.
    if (code) {
      this._end(code, error.detail, error);
      return;
    }
    this._emit('error', error);
    if (this._state === CONNECTING) this._lost(1006, error.detail);
  };

  // ---- Receiving ------------------------------------------------------------------------------------------
  //
  // A track is what this client knows of one session. `seen` is its heart: every message up to that id has
  // reached the page (or is the page's own). It moves over what comes in id order alone: over pushes, and
  // over pages of sync. A message_ok does not move it: the own message 7 can be confirmed before somebody
  // else's 6 has come, over another process or in a sync that is still under way. Own ids above `seen` are
  // kept in `own` until a push or a sync passes them.

  function Track(sessionId, seen) {
    this.sessionId = sessionId;
    // Null: not known yet. The session appeared after the first login.
    this.seen = seen;
    // Where listening began: nothing below it is acknowledged.
    this.start = seen || 0;
    this.acked = this.start;
    this.own = {};
    this.syncing = false;
    // Pushes that arrive during a sync, until it has come up to them.
    this.buffer = [];
    // The session's last message at login; all above it is pushed.
    this.head = seen || 0;
    // The same for recalls, which the server counts in each session: `recallSeen` moves over pushes and syncs.
    this.recallSeen = 0;
    this.recallHead = 0;
    this.recallBuffer = [];
  }

  IMClient.prototype._eachTrack = function (fn) {
    var tracks = this._tracks;
    Object.keys(tracks).forEach(function (name) {
      fn(tracks[name]);
    });
  };

  IMClient.prototype._track = function (sessionId) {
    var name = key(sessionId);
    if (!this._tracks[name]) this._tracks[name] = new Track(sessionId, null);
    return this._tracks[name];
  };

  // At login: which sessions are listened to, up to where they go, and which of them are behind.
  IMClient.prototype._aim = function (heads) {
    var self = this;
    var first = !this._loggedInOnce;
    var known = this._tracks;
    this._loggedInOnce = true;
    this._tracks = {};
    heads.forEach(function (head) {
      var name = key(head.session_id);
      var track = known[name];
      // At the very first login the live messages begin here; the page gets older ones by history(). A
      // session that has come since, or whose messages have yet to begin, is followed from its start for this
      // user.
      if (!track) {
        track = new Track(head.session_id, first || head.last_message_id === 0 ? head.last_message_id : null);
      }
      track.head = head.last_message_id;
      track.recallHead = head.last_recall_id || 0;
      if (!known[name]) track.recallSeen = track.recallHead;
      self._tracks[name] = track;
      if (track.seen === null || track.seen < track.head || track.recallSeen < track.recallHead) {
        self._sync(track);
      }
    });
  };

  IMClient.prototype._live = function (message) {
    if (!isObject(message)) return;
    var track = this._track(message.session_id);
    if (track.syncing) track.buffer.push(message);
    else this._arrived(track, message);
  };

  IMClient.prototype._arrived = function (track, message) {
    if (track.seen !== null && message.id <= track.seen) return;
    var own = track.own[message.id] || this._ownReturned(message);
    track.seen = message.id;
    Object.keys(track.own).forEach(function (id) {
      if (Number(id) <= message.id) delete track.own[id];
    });
    this._ackSoon();
    if (!own) this._emit('message', { message: message });
  };

  // All in id order; false if the page ended the connection on the way (what is left stays above `seen`).
  IMClient.prototype._allArrived = function (track, messages) {
    var socket = this._socket;
    var sorted = messages.slice().sort(byId);
    for (var i = 0; i < sorted.length; i++) {
      this._arrived(track, sorted[i]);
      if (this._socket !== socket) return false;
    }
    return true;
  };

  // ---- Resync ---------------------------------------------------------------------------------------------

  IMClient.prototype._sync = function (track) {
    if (track.syncing) return;
    track.syncing = true;
    track.syncAttempt = 0;
    this._syncQueue.push(track);
    this._nextSync();
  };

  IMClient.prototype._nextSync = function () {
    while (this._syncsRunning < SYNCS_AT_ONCE && this._syncQueue.length > 0) {
      this._syncsRunning++;
      this._syncPage(this._syncQueue.shift());
    }
  };

  IMClient.prototype._syncPage = function (track) {
    var self = this;
    if (track.seen === null) {
      this._findStart(track);
      return;
    }
    var asked = {
      session_id: track.sessionId,
      after: track.seen,
      limit: SYNC_PAGE,
      recalls_after: track.recallSeen,
    };
    this._ask('sync', asked, {
      ok: function (data) {
        var before = track.seen;
        var recallsBefore = track.recallSeen;
        track.syncAttempt = 0;
        if (!self._allArrived(track, data.items || [])) return;
        if (!self._allRecalled(track, data.recalls || [])) return;
        if (data.more && (track.seen > before || track.recallSeen > recallsBefore)) self._syncPage(track);
        else self._synced(track);
      },
      fail: function (error) {
        self._syncFailed(track, error);
      },
    });
  };

  // Where a session that appeared since the first login begins for this user: at its first unread message (a
  // new participant has read what was there before), or, with none, at its head.
  IMClient.prototype._findStart = function (track) {
    var self = this;
    var socket = this._socket;
    this.sessions
      .unreadMessages(track.sessionId, { limit: 1 })
      .done(function (page) {
        if (self._socket !== socket) return;
        var first = page && page.items && page.items[0];
        track.seen = first ? Math.min(track.head, first.id - 1) : track.head;
        track.start = track.seen;
        track.acked = track.seen;
        self._syncPage(track);
      })
      .fail(function (problem) {
        if (self._socket === socket) self._syncFailed(track, problem);
      });
  };

  IMClient.prototype._syncFailed = function (track, error) {
    if (error.code === 'not_found') {
      // No participant any more. Should the session come back, it begins anew.
      delete this._tracks[key(track.sessionId)];
      this._syncsRunning--;
      this._nextSync();
      return;
    }
    if (!TRANSIENT[error.code]) this._emit('error', error);
    if (this._state !== OPEN) return;
    this._after('sync' + key(track.sessionId), backoff(track.syncAttempt++), function () {
      this._syncPage(track);
    });
  };

  IMClient.prototype._synced = function (track) {
    var waiting = track.buffer;
    var recalls = track.recallBuffer;
    track.syncing = false;
    track.buffer = [];
    track.recallBuffer = [];
    this._syncsRunning--;
    if (this._allArrived(track, waiting) && this._allRecalled(track, recalls)) this._nextSync();
  };

  // ---- Taking back -----------------------------------------------------------------------------------------
  //
  // The server counts recalls in each session, and this client hears of each once, as of messages: by a push, or
  // by a sync of those above `recallSeen`. One's own recall is told by its promise alone; its number is not
  // known here, so a sync may bring it.

  IMClient.prototype.recall = function (messageId, sessionId) {
    var data = { session_id: sessionId || this.sessionId, message_id: messageId };
    if (this._state === CLOSED) return rejected(failure('closed', 'The client is closed.'));
    if (!data.session_id) return rejected(missing('session_id'));
    var known = this._recalls.filter(function (entry) {
      return entry.data.session_id === data.session_id && entry.data.message_id === messageId;
    })[0];
    if (known) return known.deferred.promise();
    var entry = { data: data, deferred: $.Deferred(), asked: false };
    this._recalls.push(entry);
    this._sendRecalls();
    return entry.deferred.promise();
  };

  IMClient.prototype._sendRecalls = function () {
    var self = this;
    this._recalls.slice().forEach(function (entry) {
      if (self._state === OPEN && !entry.asked) self._askRecall(entry);
    });
  };

  IMClient.prototype._askRecall = function (entry) {
    var self = this;
    var data = entry.data;
    entry.asked = true;
    this._ask('recall', data, {
      ok: function (answer) {
        self._recalls.splice(self._recalls.indexOf(entry), 1);
        self._recalledIn(data.session_id)[data.message_id] = (answer.message || {}).recalled || {};
        resolve(entry.deferred, answer.message);
      },
      fail: function (error) {
        entry.asked = false;
        if (TRANSIENT[error.code]) {
          self._after('recalls', backoff(2), self._sendRecalls);
          return;
        }
        self._recalls.splice(self._recalls.indexOf(entry), 1);
        reject(entry.deferred, error);
      },
      lost: function () {
        entry.asked = false;
      },
    });
  };

  // Another user may take the same message back at the same time: then one's own may be refused, and that is told.
  IMClient.prototype._isOwnRecall = function (sessionId, recall) {
    if ((recall.recalled || {}).by !== this.userId) return false;
    return this._recalls.some(function (entry) {
      return entry.data.session_id === sessionId && entry.data.message_id === recall.message_id;
    });
  };

  // What was taken back in a session, as far as this client knows: by the message's id.
  IMClient.prototype._recalledIn = function (sessionId) {
    var name = key(sessionId);
    if (!this._recalled[name]) this._recalled[name] = {};
    return this._recalled[name];
  };

  IMClient.prototype._recallLive = function (data) {
    var track = this._track(data.session_id);
    if (track.syncing) track.recallBuffer.push(data);
    else this._recallArrived(track, data);
  };

  IMClient.prototype._recallArrived = function (track, recall) {
    if (recall.id <= track.recallSeen) return;
    var recalled = this._recalledIn(track.sessionId);
    var isKnown = recalled[recall.message_id] || this._isOwnRecall(track.sessionId, recall);
    track.recallSeen = recall.id;
    recalled[recall.message_id] = recall.recalled;
    if (isKnown) return;
    this._emit('recall', {
      session_id: track.sessionId,
      id: recall.id,
      message_id: recall.message_id,
      recalled: recall.recalled,
    });
  };

  // All in the order of their ids; false if the page ended the connection on the way.
  IMClient.prototype._allRecalled = function (track, recalls) {
    var socket = this._socket;
    var sorted = recalls.slice().sort(byId);
    for (var i = 0; i < sorted.length; i++) {
      this._recallArrived(track, sorted[i]);
      if (this._socket !== socket) return false;
    }
    return true;
  };

  // A page of history may have been read before a recall that the page has heard of since.
  IMClient.prototype._withoutRecalled = function (sessionId, page) {
    var recalled = this._recalledIn(sessionId);
    ((page && page.items) || []).forEach(function (message) {
      var quote = message.reply_to;
      if (recalled[message.id] && !message.recalled) {
        message.content = null;
        message.recalled = recalled[message.id];
      }
      if (quote && recalled[quote.id]) quote.text = null;
    });
    return page;
  };

  // ---- Acknowledging --------------------------------------------------------------------------------------

  // One ack a session for all that arrives within a moment: the server waits 10 s for it before it turns to
  // WeChat. While nobody sees the page there is none, so that WeChat speaks; once it is seen, there is one for
  // the newest.
  IMClient.prototype._ackSoon = function () {
    if (this._timers.ack === undefined) this._after('ack', ACK_DELAY_MS, this._ack);
  };

  IMClient.prototype._ack = function () {
    var self = this;
    if (this._state !== OPEN || document.hidden) return;
    this._eachTrack(function (track) {
      if (track.seen === null || track.seen <= track.acked) return;
      track.acked = track.seen;
      self._write('ack', { session_id: track.sessionId, message_id: track.seen });
    });
  };

  // ---- Sending --------------------------------------------------------------------------------------------
  //
  // One message is under way at a time: the next leaves after the answer, so that they are stored in the
  // order of the calls even where one is put off (rate_limited) or the connection breaks between them. Until
  // its answer each keeps the client_msg_id it was given, by which the server, and a sync, know a repeat.

  IMClient.prototype.send = function (message) {
    var given = message || {};
    var id = given.client_msg_id || randomId();
    var sessionId = given.session_id || this.sessionId;
    var known = this._find(id, sessionId);
    if (known) return known.deferred.promise();
    if (this._state === CLOSED) return rejected(failure('closed', 'The client is closed.'));
    if (!sessionId) return rejected(missing('session_id'));
    var entry = { deferred: $.Deferred(), since: new Date().toISOString() };
    // A copy: what the page does to its object afterwards changes nothing.
    var data = {
      session_id: sessionId,
      type: given.type,
      content: given.content,
      client_msg_id: id,
      reply_to: given.reply_to,
    };
    try {
      entry.data = copy(data);
    } catch (error) {
      return rejected(failure('validation_failed', 'content: ' + error.message, 400));
    }
    if (tooLarge('message', entry.data)) return rejected(payloadTooLarge());
    this._outbox.push(entry);
    this._flush();
    this._emitPending();
    return entry.deferred.promise();
  };

  IMClient.prototype.pending = function () {
    var inFlight = this._inFlight;
    return this._outbox.map(function (entry) {
      var shown = copy(entry.data);
      shown.since = entry.since;
      shown.state = entry === inFlight ? 'sending' : 'waiting';
      return shown;
    });
  };

  IMClient.prototype._emitPending = function () {
    if (this._listeners('pending').length > 0) this._emit('pending', { items: this.pending() });
  };

  IMClient.prototype._find = function (clientMsgId, sessionId) {
    return this._outbox.filter(function (entry) {
      return entry.data.client_msg_id === clientMsgId && entry.data.session_id === sessionId;
    })[0];
  };

  IMClient.prototype._flush = function () {
    var self = this;
    var entry = this._outbox[0];
    if (this._state !== OPEN || !entry || this._inFlight || this._timers.send !== undefined) return;
    this._inFlight = entry;
    this._ask('message', entry.data, {
      ok: function (data) {
        self._stored(entry, data.message);
      },
      fail: function (error) {
        self._refused(entry, error);
      },
    });
  };

  // Takes the entry out; false if it has its answer already (a sync may bring it before the repeat's
  // message_ok).
  IMClient.prototype._take = function (entry) {
    var at = this._outbox.indexOf(entry);
    if (at < 0) return false;
    this._outbox.splice(at, 1);
    if (this._inFlight === entry) {
      this._inFlight = null;
      this._sendAttempt = 0;
    }
    return true;
  };

  IMClient.prototype._stored = function (entry, message) {
    if (!this._take(entry)) return;
    this._flush();
    resolve(entry.deferred, message);
    this._emitPending();
  };

  IMClient.prototype._refused = function (entry, error) {
    if (this._outbox.indexOf(entry) < 0) return;
    if (TRANSIENT[error.code]) {
      this._inFlight = null;
      this._after('send', backoff(this._sendAttempt++), this._flush);
      this._emitPending();
      return;
    }
    this._take(entry);
    this._flush();
    this._fail(entry, error);
    this._emitPending();
  };

  IMClient.prototype._fail = function (entry, error) {
    // The id with it: the page that sends again under it makes no second message.
    var told = copy(error);
    told.client_msg_id = entry.data.client_msg_id;
    reject(entry.deferred, told);
    this._emit('failed', { message: copy(entry.data), error: told });
  };

  // A message_ok, on its way to the entry that waits for it: its message gives no event when a push or a sync
  // brings it too.
  IMClient.prototype._ownStored = function (message) {
    if (!isObject(message)) return;
    var track = this._tracks[key(message.session_id)];
    // A bound socket may send to other sessions; it does not listen to them.
    if (!track && this.sessionId) return;
    track = track || this._track(message.session_id);
    if (track.seen !== null && message.id <= track.seen) return;
    track.own[message.id] = true;
    if (track.seen !== null && Object.keys(track.own).length > OWN_AHEAD_MAX) this._sync(track);
  };

  // A push or a sync brings a message whose message_ok was lost: true if it is this client's own.
  IMClient.prototype._ownReturned = function (message) {
    if (message.sender_id !== this.userId || !message.client_msg_id) return false;
    var entry = this._find(message.client_msg_id, message.session_id);
    if (!entry) return false;
    this._stored(entry, message);
    return true;
  };

  // ---- Reading --------------------------------------------------------------------------------------------

  IMClient.prototype.history = function (query) {
    var self = this;
    var given = query || {};
    var sessionId = given.session_id || this.sessionId;
    var asked = { before: given.before, after: given.after, limit: given.limit, peek: 1 };
    return this.sessions.messages(sessionId, asked).then(function (page) {
      return self._withoutRecalled(sessionId, page);
    });
  };

  IMClient.prototype.unreadCount = function (sessionId) {
    var id = sessionId || this.sessionId;
    var asked = id ? this.sessions.unreadCount(id) : this.sessions.unreadCounts();
    return asked.then(function (answer) {
      return answer.count;
    });
  };

  // A read has no answer: the highest of each session is kept and said again after a reconnect, until it must
  // have arrived.
  IMClient.prototype.markRead = function (messageId, sessionId) {
    var id = sessionId || this.sessionId;
    var mark = this._reads[key(id)];
    if (mark && !(messageId > mark.messageId)) return;
    mark = { sessionId: id, messageId: messageId, sentAt: Infinity };
    this._reads[key(id)] = mark;
    if (this._state === OPEN) this._sendRead(mark);
  };

  IMClient.prototype._sendReads = function () {
    var self = this;
    Object.keys(this._reads).forEach(function (name) {
      self._sendRead(self._reads[name]);
    });
  };

  IMClient.prototype._sendRead = function (mark) {
    var self = this;
    var data = { session_id: mark.sessionId || undefined, message_id: mark.messageId };
    mark.sentAt = now();
    this._ask('read', data, {
      fail: function (error) {
        if (TRANSIENT[error.code]) {
          mark.sentAt = Infinity;
          self._after('reads', backoff(2), self._sendReads);
          return;
        }
        if (self._reads[key(mark.sessionId)] === mark) delete self._reads[key(mark.sessionId)];
        self._emit('error', error);
      },
    });
  };

  IMClient.prototype._forgetSettledReads = function () {
    var reads = this._reads;
    Object.keys(reads).forEach(function (name) {
      if (now() - reads[name].sentAt > READ_SETTLED_MS) delete reads[name];
    });
  };

  // ---- Typing and calls -----------------------------------------------------------------------------------

  // Worth nothing later: without a connection it is dropped.
  IMClient.prototype.typing = function (typing, sessionId) {
    if (this._state !== OPEN) return;
    this._write('typing', { session_id: sessionId || this.sessionId || undefined, typing: !!typing });
  };

  // Rings now or not at all: without a connection it is rejected with `unavailable`.
  IMClient.prototype.callInvite = function (media, sessionId) {
    var deferred = $.Deferred();
    var away = failure('unavailable', 'There is no connection to the server.');
    if (this._state !== OPEN) return rejected(away);
    var data = { session_id: sessionId || this.sessionId || undefined, media: media };
    this._ask('call_invite', data, {
      ok: function (data) {
        resolve(deferred, data);
      },
      fail: function (error) {
        reject(deferred, error);
      },
      lost: function () {
        reject(deferred, away);
      },
    });
    return deferred.promise();
  };

  IMClient.prototype.callAccept = function (callId) {
    this._sayInCall('call_accept', { call_id: callId });
  };

  IMClient.prototype.callReject = function (callId) {
    this._sayInCall('call_reject', { call_id: callId });
  };

  IMClient.prototype.callCancel = function (callId) {
    this._sayInCall('call_cancel', { call_id: callId });
  };

  IMClient.prototype.callHangup = function (callId) {
    this._sayInCall('call_hangup', { call_id: callId });
  };

  IMClient.prototype.callSignal = function (callId, signal) {
    this._sayInCall('call_signal', { call_id: callId, signal: signal });
  };

  // These have no answer but an error, which comes as an event that names its request.
  IMClient.prototype._sayInCall = function (type, data) {
    var self = this;
    var frame = { type: type, data: copy(data), at: now() };
    var answer = {
      fail: function (error) {
        var told = copy(error);
        told.request = type;
        told.call_id = data.call_id;
        self._emit('error', told);
      },
    };
    if (tooLarge(type, frame.data)) {
      answer.fail(payloadTooLarge());
      return;
    }
    frame.answer = answer;
    this._callFrames.push(frame);
    this._sendCallFrames();
  };

  IMClient.prototype._sendCallFrames = function () {
    if (this._state !== OPEN) return;
    var frames = this._callFrames;
    this._callFrames = [];
    for (var i = 0; i < frames.length; i++) {
      var frame = frames[i];
      if (now() - frame.at < CALL_FRAME_LIFE_MS) this._ask(frame.type, frame.data, frame.answer);
    }
  };

  window.IMClient = IMClient;
})(window);
