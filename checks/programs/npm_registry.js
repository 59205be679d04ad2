// A registry of npm with two packages, on a free port of 127.0.0.1: one in JavaScript whose install
// script makes a part of it, and one with an addon in C. Both export the word on its command line.
// It is run by the Node.js of an image, however old.
const crypto = require('crypto'), http = require('http'), zlib = require('zlib');
const word = process.argv[1];
const entry = (path, text) => {
  const head = Buffer.alloc(512), body = Buffer.from(text);
  const octal = (number, width) => number.toString(8).padStart(width - 1, '0') + '\0';
  head.write('package/' + path);
  head.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(body.length, 12) + octal(0, 12)
             + '        0', 100);
  head.write('ustar\x0000', 257);
  head.write(octal(head.reduce((sum, byte) => sum + byte, 0), 7) + ' ', 148);
  return Buffer.concat([head, body, Buffer.alloc(-body.length & 511)]);
};
const package_ = (name, scripts, files) => {
  const about = {name, version: '1.0.0', main: 'index.js', scripts};
  files['package.json'] = JSON.stringify(about);
  const parts = Object.entries(files).map(([path, text]) => entry(path, text));
  const tarball = zlib.gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]));
  const integrity = 'sha512-' + crypto.createHash('sha512').update(tarball).digest('base64');
  return {about, tarball, integrity};
};
const packages = {
  'certify-script': package_('certify-script', {install: 'node install.js'}, {
    'install.js': `require('fs').writeFileSync('made.js', "module.exports = '${word}'")`,
    'index.js': "module.exports = require('./made.js')",
  }),
  'certify-addon': package_('certify-addon', undefined, {
    'binding.gyp': JSON.stringify({targets: [{target_name: 'addon', sources: ['addon.c']}]}),
    'index.js': "module.exports = require('./build/Release/addon.node').word",
    'addon.c': `#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value word;
  napi_create_string_utf8(env, "${word}", NAPI_AUTO_LENGTH, &word);
  napi_set_named_property(env, exports, "word", word);
  return exports;
}
`,
  }),
};
http.createServer((request, answer) => {
  const [name, file] = request.url.slice(1).split('/'), found = packages[name];
  if (!found) { answer.statusCode = 404; return answer.end('{}'); }
  if (file) return answer.end(found.tarball);
  const tarball = `http://${request.headers.host}/${name}/1.0.0.tgz`;
  const version = {...found.about, dist: {tarball, integrity: found.integrity}};
  if (found.about.scripts || name === 'certify-addon') version.hasInstallScript = true;
  answer.end(JSON.stringify({name, 'dist-tags': {latest: '1.0.0'}, versions: {'1.0.0': version}}));
}).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });
