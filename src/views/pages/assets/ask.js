// A request of the status page, with the operator's key.
(function (window) {
  'use strict';

  var ANSWER_LIMIT_MS = 10000;

  // done(status, body); status 0: no answer, or one that is no JSON.
  window.IMAsk = function (key, method, path, done) {
    var request = new window.XMLHttpRequest();
    request.open(method, path);
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('X-IM-App-Key', key);
    request.timeout = ANSWER_LIMIT_MS;
    request.onloadend = function () {
      var body;
      try {
        body = JSON.parse(request.responseText);
        // eslint-disable-next-line no-unused-vars -- ES5 has no catch without a name
      } catch (error) {
        done(0, null);
        return;
      }
      done(request.status, body);
    };
    request.send();
  };
})(window);
