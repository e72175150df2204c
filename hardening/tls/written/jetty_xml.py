"""tls/jetty.xml.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 1414969851
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_public = resolve('public')
        l_0_grammar = resolve('grammar')
        l_0_includes = resolve('includes')
        l_0_root = resolve('root')
        l_0_body = resolve('body')
        l_0_port = resolve('port')
        pass
        yield '<?xml version="1.0"?>\n<!DOCTYPE Configure PUBLIC "'
        yield str((undefined(name='public') if l_0_public is missing else l_0_public))
        yield '" "'
        yield str((undefined(name='grammar') if l_0_grammar is missing else l_0_grammar))
        yield '">\n<!--\n'
        template = environment.get_template('tls/_header.j2', 'tls/jetty.xml.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield '-->\n'
        if (undefined(name='includes') if l_0_includes is missing else l_0_includes):
            pass
            yield '<Configure id="sslContextFactory" class="'
            yield str((undefined(name='root') if l_0_root is missing else l_0_root))
            yield '">\n'
            for l_1_line in (undefined(name='body') if l_0_body is missing else l_0_body):
                _loop_vars = {}
                pass
                yield '  '
                yield str(l_1_line)
                yield '\n'
            l_1_line = missing
            yield '</Configure>\n'
        else:
            pass
            yield '<Configure id="Server" class="'
            yield str((undefined(name='root') if l_0_root is missing else l_0_root))
            yield '">\n  <Call name="addConnector">\n    <Arg>\n      <New class="org.mortbay.jetty.security.SslSocketConnector">\n        <Set name="Port">'
            yield str(((undefined(name='port') if l_0_port is missing else l_0_port) or '8443'))
            yield '</Set>\n'
            for l_1_line in (undefined(name='body') if l_0_body is missing else l_0_body):
                _loop_vars = {}
                pass
                yield '        '
                yield str(l_1_line)
                yield '\n'
            l_1_line = missing
            yield '      </New>\n    </Arg>\n  </Call>\n</Configure>\n'

    return root
