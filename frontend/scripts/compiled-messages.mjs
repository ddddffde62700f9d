// Messages with values are taken apart when the portal is built, not in each browser: runs after Lingui's macro,
// whose objects it knows by their /*i18n*/ mark.
import { compileMessage } from "@lingui/message-utils/compileMessage";

export function compiledMessages({ types: t }) {
  const visitor = {
    ObjectExpression({ node }) {
      if (!node.leadingComments?.some(({ value }) => value === "i18n")) return;
      for (const property of node.properties) {
        if (!t.isObjectProperty(property) || !t.isStringLiteral(property.value)) continue;
        const name = property.key.name ?? property.key.value;
        if (name !== "message") continue;
        const compiled = compileMessage(property.value.value);
        if (typeof compiled !== "string") property.value = t.valueToNode(compiled);
      }
    },
  };
  return { visitor: { Program: { exit: (path) => path.traverse(visitor) } } };
}
