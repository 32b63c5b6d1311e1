// nodemailer's side of "the same forty messages" (test_forty.py): nodemailer composes, its sister mailparser reads. The forms of
// both are in forty.py.
//   node forty_node.js compose FILE.json FOLDER   writes 00.eml, 01.eml, …
//   node forty_node.js parse FILE.eml...          one line of JSON for each
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const {createRequire} = require('module');
const here = createRequire(path.join(process.env.FORTY_NODE || process.cwd(), 'x.js'));

const people = list => list.map(([name, address]) => ({name, address}));
const octets = file => Buffer.from(file.base64, 'base64');

function options(wanted) {
  const out = {from: people(wanted.from), to: people(wanted.to), cc: people(wanted.cc), subject: wanted.subject, text: wanted.text, html: wanted.html};
  out.attachments = (wanted.attachments || []).map(one => ({
    filename: one.name, contentType: one.type, content: octets(one), contentDisposition: 'attachment'}));
  for (const image of wanted.images || []) {
    const cid = image.name === 'dot.png' ? 'dot@forty.example' : `image${out.attachments.length}@forty.example`;
    out.html = out.html.split('cid:' + image.name).join('cid:' + cid);
    out.attachments.push({filename: image.name, contentType: image.type, content: octets(image), cid});
  }
  if (wanted.calendar) {
    const [method, content] = wanted.calendar;  // `icalEvent` would attach it, too
    out.alternatives = [{contentType: `text/calendar; charset=utf-8; method=${method}`, content}];
  }
  if (wanted.in_reply_to) out.inReplyTo = wanted.in_reply_to;
  if (wanted.references) out.references = wanted.references;
  if (wanted.priority) out.priority = wanted.priority;
  if (wanted.unsubscribe) out.list = {unsubscribe: [wanted.unsubscribe]};
  if (wanted.headers) out.headers = wanted.headers;
  return out;
}

async function compose(file, folder) {
  const transport = here('nodemailer').createTransport({streamTransport: true, buffer: true, newline: 'windows'});
  const all = JSON.parse(fs.readFileSync(file, 'utf8'));
  for (let i = 0; i < all.length; ++i) {
    const sent = await transport.sendMail(options(all[i]));
    fs.writeFileSync(path.join(folder, String(i).padStart(2, '0') + '.eml'), sent.message);
  }
}

async function parse(file) {
  const {simpleParser} = here('mailparser');
  const libmime = here('libmime');
  const mail = await simpleParser(fs.readFileSync(file), {keepCidLinks: true, skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true});
  const addresses = field => (field ? [].concat(field) : []).flatMap(one => one.value).map(one => [one.name, one.address]);
  const raw = name => (mail.headerLines.find(one => one.key === name) || {line: ':'}).line.replace(/\r?\n(?=[ \t])/g, '').replace(/^[^:]*:/, '').trim();
  const out = {from: addresses(mail.from), to: addresses(mail.to), cc: addresses(mail.cc), subject: mail.subject || '', text: mail.text || '', html: mail.html || '',
               in_reply_to: mail.inReplyTo, references: [].concat(mail.references || []), priority: mail.headers.get('priority'),
               unsubscribe: libmime.decodeWords(raw('list-unsubscribe')).split(/\s+/).filter(Boolean), headers: {}, attachments: [], images: [], cids: {}};
  for (const {line, key} of mail.headerLines) {
    if (key.startsWith('x-forty-')) out.headers[line.slice(0, line.indexOf(':'))] = libmime.decodeWords(raw(key));
  }
  for (const part of mail.attachments) {
    const type = part.headers.get('content-type');  // `contentType` is guessed from the name
    if (type.value === 'text/calendar' && !part.filename) {
      out.calendar = [type.params.method, part.content.toString('utf8')];
      continue;
    }
    const one = {name: part.filename, type: type.value, sha256: crypto.createHash('sha256').update(part.content).digest('hex')};
    if (type.value === 'message/rfc822') one.message = part.content.toString('utf8');
    const inline = part.cid && part.contentDisposition !== 'attachment';
    (inline ? out.images : out.attachments).push(one);
    if (inline) out.cids[part.cid] = part.filename;
  }
  return out;
}

async function main([verb, ...words]) {
  if (verb === 'compose') return compose(...words);
  for (const file of words) console.log(JSON.stringify(await parse(file)));
}

main(process.argv.slice(2)).catch(error => { console.error(error); process.exit(1); });
