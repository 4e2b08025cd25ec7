// The media of a call, from browser to browser (W3C WebRTC 1.0). The caller makes every offer, so two offers never meet.
// Signals: {sdp}, {candidate}, and {renew}, with which the called asks for a new offer.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  // options: {caller (bool), ice, stream, onSignal(signal), onStream(stream), onState(connectionState), onTrouble()}
  function CallPeer(options) {
    this._options = options;
    this._peer = new window.RTCPeerConnection({ iceServers: options.ice || [] });
    this._steps = window.Promise.resolve();
    this._listen();
  }

  CallPeer.prototype._listen = function () {
    var self = this;
    var options = this._options;
    var peer = this._peer;
    options.stream.getTracks().forEach(function (track) {
      peer.addTrack(track, options.stream);
    });
    peer.onicecandidate = function (event) {
      if (event.candidate) options.onSignal({ candidate: event.candidate });
    };
    peer.ontrack = function (event) {
      options.onStream(event.streams[0]);
    };
    peer.onconnectionstatechange = function () {
      options.onState(peer.connectionState);
      if (peer.connectionState === 'failed' && options.caller) self.offer(true);
    };
  };

  CallPeer.prototype.close = function () {
    this._peer.close();
  };

  // With `restart` the two look for a way to each other anew.
  CallPeer.prototype.offer = function (restart) {
    var self = this;
    this._step(function () {
      return self._peer.createOffer({ iceRestart: restart }).then(function (offer) {
        return self._describe(offer);
      });
    });
  };

  // What the connection to the server lost may have been a signal: makes sure that both know how to reach each other.
  CallPeer.prototype.renew = function () {
    if (this._options.caller) this.offer(true);
    else this._options.onSignal({ renew: true });
  };

  // A signal of the other side's.
  CallPeer.prototype.apply = function (signal) {
    var self = this;
    var peer = this._peer;
    if (!demo.isObject(signal)) return;
    if (signal.renew && this._options.caller) this.offer(true);
    if (demo.isObject(signal.candidate)) {
      this._step(function () {
        return peer.addIceCandidate(signal.candidate);
      });
    }
    if (!demo.isObject(signal.sdp)) return;
    this._step(function () {
      return peer.setRemoteDescription(signal.sdp).then(function () {
        if (signal.sdp.type !== 'offer') return undefined;
        return peer.createAnswer().then(function (answer) {
          return self._describe(answer);
        });
      });
    });
  };

  CallPeer.prototype._describe = function (description) {
    var peer = this._peer;
    var options = this._options;
    return peer.setLocalDescription(description).then(function () {
      options.onSignal({ sdp: peer.localDescription });
    });
  };

  // One after the other: a candidate waits for the description that it belongs to.
  CallPeer.prototype._step = function (step) {
    var peer = this._peer;
    var options = this._options;
    var guarded = function () {
      return peer.signalingState === 'closed' ? undefined : step();
    };
    var failed = function () {
      if (peer.signalingState !== 'closed') options.onTrouble();
    };
    this._steps = this._steps.then(guarded).then(null, failed);
  };

  demo.CallPeer = CallPeer;
})(window);
