"""Small workflows that show how the double of Flyte runs what is registered; there they are the
package `workflows`."""
