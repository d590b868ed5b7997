// node gemini.mjs BUNDLE: prints the definitions of Gemini CLI's schema for settings.json.
//
// The published schemas/settings.schema.json is made of them; the package has them in its program.
import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

// A list of another module, for a key that we do not write.
const others = { AuthProviderType: { any: "dynamic_discovery" } };

for (const name of readdirSync(process.argv[2]).filter((name) => name.endsWith(".js"))) {
  const text = readFileSync(`${process.argv[2]}/${name}`, "utf8");
  const found = /^var SETTINGS_SCHEMA_DEFINITIONS = (\{[^]*?^\});/m.exec(text);
  if (found) {
    console.log(JSON.stringify(runInNewContext(`(${found[1]})`, others)));
    break;
  }
}
