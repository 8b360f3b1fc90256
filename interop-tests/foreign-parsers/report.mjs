// Counts what passed and failed; run.sh adds the counts up.

const results = { passed: 0, failed: 0 };

export function record(name, error) {
  if (error) {
    results.failed += 1;
    console.log(`not ok ${name}: ${error}`);
  } else {
    results.passed += 1;
    console.log(`ok ${name}`);
  }
}

export async function check(name, body) {
  try {
    await withLimit(body());
    record(name);
  } catch (error) {
    record(name, error.stack ?? error);
  }
}

export function finish() {
  console.log(`${results.passed} passed, ${results.failed} failed`);
  process.exit(results.failed === 0 ? 0 : 1);
}

function withLimit(promise) {
  const limit_ms = 30_000;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hung for ${limit_ms} ms`)), limit_ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
