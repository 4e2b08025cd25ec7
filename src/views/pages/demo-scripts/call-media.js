// Camera and microphone of a call.
(function (window) {
  'use strict';

  var demo = window.IMDemo;

  function eachTrack(stream, fn) {
    stream.getTracks().forEach(fn);
  }

  // Both, or the microphone alone where there is no camera. Browsers give neither to a page that came over plain http from
  // another machine. `refused(text)` says why there is nothing.
  function open(withVideo, opened, refused) {
    var devices = window.navigator.mediaDevices;
    if (!devices || !window.RTCPeerConnection) {
      refused('浏览器不支持通话，或页面不是 https 打开的');
      return;
    }
    var failed = function () {
      refused('无法使用摄像头或麦克风');
    };
    devices.getUserMedia({ audio: true, video: withVideo }).then(opened, function () {
      if (withVideo) devices.getUserMedia({ audio: true }).then(opened, failed);
      else failed();
    });
  }

  // kind: audio | video
  function enable(stream, kind, enabled) {
    if (!stream) return;
    eachTrack(stream, function (track) {
      if (track.kind === kind) track.enabled = enabled;
    });
  }

  function stop(stream) {
    eachTrack(stream, function (track) {
      track.stop();
    });
  }

  // lost(): the camera was unplugged, taken by another program, or not there from the beginning.
  function watchCamera(stream, lost) {
    var cameras = stream.getVideoTracks();
    if (cameras.length === 0) lost();
    cameras.forEach(function (track) {
      track.onended = lost;
    });
  }

  function hasPicture(stream) {
    return stream.getVideoTracks().some(function (track) {
      return track.enabled && track.readyState === 'live';
    });
  }

  demo.callMedia = {
    enable: enable,
    hasPicture: hasPicture,
    open: open,
    stop: stop,
    watchCamera: watchCamera,
  };
})(window);
