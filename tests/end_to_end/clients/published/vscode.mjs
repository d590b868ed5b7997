// node vscode.mjs PACKAGE: prints the schema that VS Code has for mcp.json.
//
// It is built into the editor (vscode://schemas/mcp); the package is the editor's own source, compiled.
import { pathToFileURL } from "node:url";

const where = "vscode/src/vs/workbench/contrib/mcp/common/mcpConfiguration.js";
const { mcpServerSchema } = await import(pathToFileURL(`${process.argv[2]}/${where}`));
console.log(JSON.stringify(mcpServerSchema));
