// Started by node_http.py, which hands over what the site is.
const cluster = require('cluster');
const fs = require('fs');

const order = JSON.parse(process.argv[2]);

function serve() {
  const pages = new Map();
  for (const [path, body] of Object.entries(order.pages)) pages.set(path, Buffer.from(body));
  for (const [path, size] of Object.entries(order.large)) pages.set(path, Buffer.alloc(size, 'x'));
  const piece = Buffer.alloc(order.piece, 'x');

  function answer(response, body) {
    response.writeHead(200, { 'Content-Length': body.length });
    response.end(body);
  }

  function handle(request, response) {
    const page = pages.get(request.url);
    if (page !== undefined) {
      answer(response, page);
    } else if (request.url === order.upload) {
      let octets = 0;
      request.on('data', (data) => { octets += data.length; });
      request.on('end', () => answer(response, Buffer.from(String(octets))));
    } else {
      for (let i = 0; i < order.pieces; i++) response.write(piece);
      response.end();
    }
  }

  let server;
  if (order.tls) {
    const pem = fs.readFileSync(order.tls);
    server = require('https').createServer({ key: pem, cert: pem, minVersion: 'TLSv1.3' }, handle);
  } else {
    server = require('http').createServer(handle);
  }
  server.keepAliveTimeout = order.patience * 1000;
  server.listen({ port: order.port, host: '127.0.0.1', backlog: order.backlog }, () => {
    if (cluster.isPrimary) console.log(`ready ${server.address().port}`);
  });
}

if (cluster.isPrimary && order.workers > 1) {
  let listening = 0;
  cluster.on('listening', (worker, address) => {
    if (++listening === order.workers) console.log(`ready ${address.port}`);
  });
  for (let i = 0; i < order.workers; i++) cluster.fork();
} else {
  serve();
}
